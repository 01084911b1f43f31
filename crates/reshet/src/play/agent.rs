//! An agent that learns a game by deep Q-learning.

use super::{
    Dice, Game, Move, Settings,
    replay::{Memory, Replay},
};
use crate::{
    Device, Loss, Model, Result, SGD, Sequential, Training, error::Error, metrics::argmax,
};

/// A remembered action, and what the network would be taught of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled<G> {
    /// What the network was asked: the position and the action.
    pub asked: Vec<f32>,
    /// What the network says now.
    pub answer: f32,
    /// What the action brought at once.
    pub reward: f32,
    /// The position that followed; None: the game was over.
    pub next: Option<G>,
    /// What the best action there is worth to the copy.
    pub worth: Option<f32>,
    /// The reward, plus the discount times what follows.
    pub target: f32,
}

/// A network that values actions, its copy, what it remembers, and its dice.
pub struct Agent<G: Game> {
    settings: Settings,
    network: Training,
    /// The copy that stands still.
    copy: Training,
    replay: Replay<G>,
    dice: Dice,
    games: usize,
    scratch: Scratch,
}

/// Arrays that are kept between steps.
#[derive(Default)]
struct Scratch {
    actions: Vec<usize>,
    numbers: Vec<f32>,
    batch: Vec<usize>,
    states: Vec<f32>,
    targets: Vec<f32>,
    /// For each question about what follows, the memory it is for.
    of: Vec<usize>,
}

impl<G: Game> Agent<G> {
    /// Makes an agent that knows nothing yet. The seed decides its first weights, its games and
    /// what it learns from.
    ///
    /// # Errors
    /// A setting is out of range; the network is impossible.
    pub fn new(seed: u64, settings: Settings) -> Result<Self> {
        settings.check()?;
        let mut layers = String::from(&G::INPUTS.to_string());
        for width in &settings.hidden {
            layers += &format!("-{width}:relu");
        }
        let network: Sequential = (layers + "-1").parse()?;
        let setup = network.with_loss(Loss::MSELoss).seeded(seed).on(Device::best())?;
        Ok(Self {
            network: setup.clone().start()?,
            copy: setup.start()?,
            replay: Replay::new(settings.remembered),
            settings,
            dice: Dice::new(seed),
            games: 0,
            scratch: Scratch::default(),
        })
    }

    /// Returns the number of games it has learnt from.
    pub fn games(&self) -> usize {
        self.games
    }

    /// Returns ε: how often it tries any action in the next game.
    pub fn curiosity(&self) -> f32 {
        let Settings { least_curious, patience, .. } = self.settings;
        least_curious + (1.0 - least_curious) * (-(self.games as f32) / patience).exp()
    }

    /// Returns how it learns.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Learns by other settings from the next action on. The network and what is remembered stay.
    ///
    /// # Errors
    /// A setting is out of range; the hidden layers or the number of remembered actions are others.
    pub fn set_settings(&mut self, settings: Settings) -> Result<()> {
        settings.check()?;
        let Settings { hidden, remembered, .. } = &settings;
        if *hidden != self.settings.hidden || *remembered != self.settings.remembered {
            let what = "hidden and remembered stay as they were when the agent was made";
            return Err(Error::invalid(what));
        }
        if self.settings.copy_every == 0 {
            // There was no copy, so it knows nothing of what was learnt meanwhile.
            self.copy.copy_from(&self.network)?;
        }
        self.settings = settings;
        // What was said of a position may be said in another way now.
        self.replay.copied();
        Ok(())
    }

    /// Returns the number of actions it remembers.
    pub fn remembered(&self) -> usize {
        self.replay.len()
    }

    /// Draws `count` remembered actions, and says what the network would be taught of each: as a
    /// step of learning does, but nothing is learnt. `draw` decides which are drawn.
    ///
    /// # Errors
    /// As [`Agent::values`].
    pub fn recall(&mut self, count: usize, draw: u64) -> Result<Vec<Recalled<G>>> {
        if self.replay.len() == 0 {
            return Ok(Vec::new());
        }
        let (mut dice, remembered) = (Dice::new(draw), self.replay.len());
        self.scratch.batch.clear();
        self.scratch.batch.extend((0..count).map(|_| dice.below(remembered)));
        self.ask_what_follows()?;
        let mut recalled = Vec::with_capacity(count);
        for i in self.scratch.batch.clone() {
            let Memory { reward, next, worth } = self.replay.memories[i].clone();
            let target = reward + self.settings.discount * worth.unwrap_or(0.0);
            let asked = self.replay.asked(i).to_vec();
            let answer = self.network.predict(&asked[..])?[0];
            recalled.push(Recalled { asked, answer, reward, next, worth, target });
        }
        Ok(recalled)
    }

    /// Returns the network as a model: it values one position and action a row.
    pub fn model(&self) -> Model {
        self.network.model()
    }

    /// Returns the legal actions and what each is worth.
    ///
    /// # Errors
    /// The game gives no action, or describes a position by numbers that are not finite.
    pub fn values(&mut self, position: &G) -> Result<Vec<(usize, f32)>> {
        let Scratch { actions, numbers, .. } = &mut self.scratch;
        questions(position, actions, numbers)?;
        let values = self.network.predict(&numbers[..])?;
        Ok(actions.iter().copied().zip(values.iter().copied()).collect())
    }

    /// Returns the action that is worth most.
    ///
    /// # Errors
    /// As [`Agent::values`].
    pub fn best(&mut self, position: &G) -> Result<usize> {
        let Scratch { actions, numbers, .. } = &mut self.scratch;
        questions(position, actions, numbers)?;
        Ok(actions[argmax(self.network.predict(&numbers[..])?)])
    }

    /// Plays a game and learns after each action. Returns the sum of the rewards.
    ///
    /// # Errors
    /// As [`Agent::values`]; the training diverges.
    pub fn learn_one_game(&mut self) -> Result<f32> {
        let curious = self.curiosity();
        let mut position = G::start(&mut self.dice);
        let (mut sum, mut asked) = (0.0, vec![0.0; G::INPUTS]);
        for _ in 0..G::MOST_ACTIONS {
            let action = if self.dice.uniform() < curious {
                self.any_action(&position)?
            } else {
                self.best(&position)?
            };
            asked.fill(0.0);
            position.describe(action, &mut asked);
            let Move { reward, over } = position.play(action, &mut self.dice);
            sum += reward;
            let next = (!over).then(|| position.clone());
            self.replay.push(&asked, Memory { reward, next, worth: None });
            if self.replay.len() >= self.settings.batch {
                self.learn()?;
            }
            if over {
                break;
            }
        }
        self.games += 1;
        if self.has_copy() && self.games % self.settings.copy_every == 0 {
            self.copy.copy_from(&self.network)?;
            self.replay.copied();
        }
        Ok(sum)
    }

    /// Plays a game as well as it can and learns nothing. Returns the sum of the rewards.
    ///
    /// # Errors
    /// As [`Agent::values`].
    pub fn play_one_game(&mut self) -> Result<f32> {
        let mut position = G::start(&mut self.dice);
        let mut sum = 0.0;
        for _ in 0..G::MOST_ACTIONS {
            let action = self.best(&position)?;
            let Move { reward, over } = position.play(action, &mut self.dice);
            sum += reward;
            if over {
                break;
            }
        }
        Ok(sum)
    }

    fn any_action(&mut self, position: &G) -> Result<usize> {
        let actions = &mut self.scratch.actions;
        actions.clear();
        position.actions(actions);
        let any = self.dice.below(actions.len());
        actions.get(any).copied().ok_or_else(no_action)
    }

    /// A step on a random batch of what is remembered.
    fn learn(&mut self) -> Result<()> {
        let (dice, remembered) = (&mut self.dice, self.replay.len());
        self.scratch.batch.clear();
        self.scratch.batch.extend((0..self.settings.batch).map(|_| dice.below(remembered)));
        self.ask_what_follows()?;
        let Scratch { batch, states, targets, .. } = &mut self.scratch;
        states.clear();
        targets.clear();
        for i in batch {
            let Memory { reward, worth, .. } = self.replay.memories[*i];
            states.extend_from_slice(self.replay.asked(*i));
            targets.push(reward + self.settings.discount * worth.unwrap_or(0.0));
        }
        self.network.step_on(&states[..], &targets[..], SGD::new(self.settings.lr))?;
        Ok(())
    }

    fn has_copy(&self) -> bool {
        self.settings.copy_every > 0
    }

    /// Asks what follows each of the batch is worth.
    fn ask_what_follows(&mut self) -> Result<()> {
        // Without a copy the network chooses and values, so that both ways are the same.
        match self.settings.double && self.has_copy() {
            true => self.ask_both(),
            false => self.ask_one(),
        }
    }

    /// Asks the copy, or the network if there is none, what follows each of the batch is worth. The
    /// copy stands still, so it is asked once only.
    fn ask_one(&mut self) -> Result<()> {
        let has_copy = self.has_copy();
        let Scratch { actions, numbers, batch, of, .. } = &mut self.scratch;
        numbers.clear();
        of.clear();
        for i in batch {
            let memory = &mut self.replay.memories[*i];
            let Some(position) = &memory.next else { continue };
            if has_copy && memory.worth.is_some() {
                continue;
            }
            add_questions(position, actions, numbers)?;
            of.extend(std::iter::repeat_n(*i, actions.len()));
            memory.worth = Some(f32::NEG_INFINITY);
        }
        let asked = if has_copy { &mut self.copy } else { &mut self.network };
        for (value, i) in asked.predict(&numbers[..])?.iter().zip(of) {
            let worth = &mut self.replay.memories[*i].worth;
            *worth = worth.map(|worth| worth.max(*value));
        }
        Ok(())
    }

    /// Asks the network which action it would choose after each of the batch, and the copy what
    /// that one is worth.
    fn ask_both(&mut self) -> Result<()> {
        let Scratch { actions, numbers, batch, .. } = &mut self.scratch;
        for i in batch {
            let memory = &mut self.replay.memories[*i];
            let Some(position) = &memory.next else { continue };
            questions(position, actions, numbers)?;
            let chosen = argmax(self.network.predict(&numbers[..])?);
            let asked = &numbers[chosen * G::INPUTS..][..G::INPUTS];
            memory.worth = self.copy.predict(asked)?.first().copied();
        }
        Ok(())
    }
}

fn no_action() -> Error {
    Error::invalid("the game has no legal action in a position that is not over")
}

/// The questions about all actions of a position, alone.
fn questions<G: Game>(
    position: &G,
    actions: &mut Vec<usize>,
    numbers: &mut Vec<f32>,
) -> Result<()> {
    numbers.clear();
    add_questions(position, actions, numbers)
}

/// The same, after others.
fn add_questions<G: Game>(
    position: &G,
    actions: &mut Vec<usize>,
    numbers: &mut Vec<f32>,
) -> Result<()> {
    actions.clear();
    position.actions(actions);
    if actions.is_empty() {
        return Err(no_action());
    }
    for action in actions {
        let before = numbers.len();
        numbers.resize(before + G::INPUTS, 0.0);
        position.describe(*action, &mut numbers[before..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::TicTacToe;

    fn small(double: bool) -> Settings {
        Settings {
            hidden: vec![32],
            patience: 200.0,
            copy_every: 50,
            double,
            ..Settings::default()
        }
    }

    fn won(agent: &mut Agent<TicTacToe>) -> usize {
        (0..200).filter(|_| agent.play_one_game().unwrap() == 1.0).count()
    }

    #[test]
    fn both_ways_of_learning_beat_chance() {
        for double in [false, true] {
            let mut agent = Agent::new(0, small(double)).unwrap();
            let before = won(&mut agent);
            for _ in 0..1500 {
                agent.learn_one_game().unwrap();
            }
            let after = won(&mut agent);
            assert!(
                after > 150 && after > before,
                "double {double}: {before}, then {after} of 200"
            );
        }
    }

    #[test]
    fn the_same_seed_plays_the_same_games() {
        let play = || {
            let mut agent = Agent::<TicTacToe>::new(7, small(false)).unwrap();
            let sums: Vec<f32> = (0..100).map(|_| agent.learn_one_game().unwrap()).collect();
            (sums, agent.model().parameters().to_vec())
        };
        assert_eq!(play(), play());
    }

    #[test]
    fn what_is_recalled_is_what_is_taught() {
        let mut agent = Agent::<TicTacToe>::new(0, small(false)).unwrap();
        assert_eq!(agent.recall(8, 1).unwrap(), []);
        for _ in 0..60 {
            agent.learn_one_game().unwrap();
        }
        let before = agent.model().parameters().to_vec();
        let all = agent.recall(64, 1).unwrap();
        assert_eq!(before, agent.model().parameters());
        assert_eq!(all, agent.recall(64, 1).unwrap());
        assert!(
            all.iter().any(|one| one.next.is_none()) && all.iter().any(|one| one.next.is_some())
        );
        for one in &all {
            assert_eq!(one.next.is_some(), one.worth.is_some());
            let target = one.reward + 0.99 * one.worth.unwrap_or(0.0);
            assert!((one.target - target).abs() < 1e-6);
        }
    }

    #[test]
    fn without_a_copy_the_network_itself_values_what_follows() {
        let mut agent =
            Agent::<TicTacToe>::new(0, Settings { copy_every: 0, ..small(false) }).unwrap();
        for _ in 0..60 {
            agent.learn_one_game().unwrap();
        }
        let worth_now = |agent: &mut Agent<TicTacToe>, double| {
            agent.set_settings(Settings { copy_every: 0, ..small(double) }).unwrap();
            let all = agent.recall(64, 1).unwrap();
            for one in &all {
                let Some(next) = &one.next else { continue };
                let values = agent.values(next).unwrap();
                let best = values.iter().map(|value| value.1).fold(f32::MIN, f32::max);
                assert!((one.worth.unwrap() - best).abs() < 1e-6, "{one:?}");
            }
            all.iter().map(|one| one.worth).collect::<Vec<_>>()
        };
        let before = worth_now(&mut agent, false);
        assert_eq!(before, worth_now(&mut agent, true));
        // It is asked anew after each step.
        agent.learn_one_game().unwrap();
        assert_ne!(before, worth_now(&mut agent, false));
        // A copy that is wanted again begins as the network is.
        agent.set_settings(small(false)).unwrap();
        let worth: Vec<Option<f32>> =
            agent.recall(64, 1).unwrap().iter().map(|one| one.worth).collect();
        assert_eq!(worth, worth_now(&mut agent, false));
    }

    #[test]
    fn settings_change_while_it_learns() {
        let mut agent = Agent::<TicTacToe>::new(0, small(false)).unwrap();
        for _ in 0..60 {
            agent.learn_one_game().unwrap();
        }
        agent.set_settings(Settings { discount: 0.0, ..small(true) }).unwrap();
        let all = agent.recall(20, 3).unwrap();
        assert!(all.iter().all(|one| one.target == one.reward));
        agent.learn_one_game().unwrap();
        agent.set_settings(Settings { hidden: vec![7], ..small(true) }).unwrap_err();
        agent.set_settings(Settings { discount: 2.0, ..small(true) }).unwrap_err();
    }

    #[test]
    fn impossible_settings_and_games_without_actions_are_refused() {
        let refused = |settings: Settings| Agent::<TicTacToe>::new(0, settings).err().unwrap();
        refused(Settings { batch: 0, ..Settings::default() });
        refused(Settings { remembered: 10, ..Settings::default() });
        refused(Settings { discount: 1.5, ..Settings::default() });
        let mut agent = Agent::<TicTacToe>::new(0, small(false)).unwrap();
        let full = TicTacToe { squares: [1.0; 9] };
        assert!(agent.best(&full).unwrap_err().to_string().contains("no legal action"));
    }
}
