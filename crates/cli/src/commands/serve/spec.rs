//! What the page asks for as the settings of `reshet train`, and back: so the page does
//! what the command line does, and can say the command.

use reshet::{Activation, Layer, Recipe, Result, Sequential, Targets, recipe::OptimizerName};
use reshet_lab::{Hidden, Spec};

use crate::settings::{Settings, recipe::Asked};

/// The question alone.
pub fn question(spec: &Spec) -> Settings {
    let mut args = Settings {
        data: Some(spec.data.clone()),
        is: spec.is.clone(),
        recipe: Asked(Recipe { seed: spec.seed, ..Recipe::default() }),
        ..Settings::default()
    };
    args.table.target.clone_from(&spec.target);
    args.scaling = spec.scaling;
    args.no_scale = spec.no_scale;
    args.test_fraction = spec.test_fraction;
    args
}

/// How it is to be trained.
///
/// # Errors
/// An optimiser, schedule or activation of an unknown name.
pub fn recipe(spec: &Spec, inputs: usize, targets: &Targets) -> Result<Recipe> {
    let mut recipe = match &spec.hidden {
        Some(hidden) => layers(hidden, inputs, targets)?,
        None => Recipe::default(),
    };
    recipe.optimizer = spec.optimizer.as_deref().map(str::parse).transpose()?;
    recipe.schedule = spec.schedule.as_deref().map(str::parse).transpose()?;
    recipe.lr = spec.lr;
    recipe.weight_decay = spec.weight_decay;
    recipe.batch_size = spec.batch_size;
    recipe.epochs = spec.epochs;
    recipe.seed = spec.seed;
    Ok(recipe)
}

/// Hidden layers; those that differ among each other make a whole network.
fn layers(hidden: &[Hidden], inputs: usize, targets: &Targets) -> Result<Recipe> {
    if let [first, rest @ ..] = hidden
        && let Some(activation) = &first.activation
        && rest.iter().all(|l| l.activation == first.activation && l.dropout == first.dropout)
    {
        return Ok(Recipe {
            hidden: Some(hidden.iter().map(|layer| layer.width).collect()),
            activation: Some(activation.parse::<Activation>()?),
            dropout: Some(first.dropout),
            ..Recipe::default()
        });
    }
    let layer = |layer: &Hidden| {
        let activation = layer.activation.as_ref().map_or(String::new(), |a| format!(":{a}"));
        let dropout = match layer.dropout {
            p if p > 0.0 => format!(":dropout({p})"),
            _ => String::new(),
        };
        format!("-{}{activation}{dropout}", layer.width)
    };
    let hidden: String = hidden.iter().map(layer).collect();
    let net = format!("{inputs}{hidden}{}", targets.output_layer());
    Ok(Recipe { net: Some(net), ..Recipe::default() })
}

/// What the settings come to; hidden layers as the network has them.
pub fn of(args: &Settings, network: &Sequential) -> Spec {
    Spec { hidden: Some(hidden(network)), ..asked(args) }
}

/// What of the settings a page knows, without a network.
pub fn asked(args: &Settings) -> Spec {
    let recipe = &args.recipe;
    Spec {
        data: args.data().into(),
        is: args.is.clone(),
        target: args.table.target.clone(),
        hidden: None,
        optimizer: recipe.optimizer.map(|name: OptimizerName| name.to_string()),
        lr: recipe.lr,
        weight_decay: recipe.weight_decay,
        schedule: recipe.schedule.map(|name| name.to_string()),
        batch_size: recipe.batch_size,
        epochs: recipe.epochs,
        seed: Some(recipe.seed.unwrap_or(0)),
        // Unsaid it is as the network is better served.
        scaling: args.scaling,
        no_scale: args.no_scale,
        test_fraction: args.test_fraction,
        precision: args.machine.asked_precision(),
    }
}

/// All layers but the last, as blocks.
fn hidden(network: &Sequential) -> Vec<Hidden> {
    let mut blocks: Vec<Hidden> = Vec::new();
    for layer in network.layers() {
        match (layer, blocks.last_mut()) {
            (Layer::Linear(_, width), _) => {
                blocks.push(Hidden { width: *width, activation: None, dropout: 0.0 });
            }
            (Layer::Activation(Activation::Identity), _) => {}
            (Layer::Activation(activation), Some(block)) => {
                block.activation = Some(activation.to_string());
            }
            (Layer::Dropout(p), Some(block)) => block.dropout = *p,
            (_, None) => {}
        }
    }
    blocks.pop();
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_alike_are_hidden_and_others_a_net() {
        let relu = |width| Hidden { width, activation: Some("relu".into()), dropout: 0.0 };
        let targets = Targets::yes_no(vec![0.0, 1.0], vec!["7".into()]);
        let settings = |hidden: &[Hidden]| {
            let settings = layers(hidden, 784, &targets).unwrap().settings();
            settings.into_iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>()
        };
        let tanh = Hidden { width: 3, activation: Some("tanh".into()), dropout: 0.5 };
        assert_eq!(
            settings(std::slice::from_ref(&tanh)),
            ["hidden=3", "activation=tanh", "dropout=0.5"]
        );
        assert_eq!(settings(&[relu(9), tanh]), ["net=784-9:relu-3:tanh:dropout(0.5)-1:sigmoid"]);
        assert_eq!(settings(&[]), ["net=784-1:sigmoid"]);
        let network: Sequential = "784-9:relu-3:tanh:dropout(0.5)-1:sigmoid".parse().unwrap();
        assert_eq!(settings(&hidden(&network)), ["net=784-9:relu-3:tanh:dropout(0.5)-1:sigmoid"]);
    }
}
