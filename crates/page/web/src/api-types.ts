// What the server answers. Made of its sources: cargo test -p reshet-lab types
// writes it anew with WRITE_TYPES=1, and fails where it is not what they come to.

export type State = {
  data: Array<Data>,
  runs: Array<Run>,
  /** The names of the studies. */
  studies: Array<string>,
  /** The run that trains, or stands. */
  current: string | null,
  memory: Memory,
  /** The program's. */
  version: string,
  /** What trainings run on. */
  device: string,
  /** Threads that train. */
  threads: number,
  /** The machine's. */
  cores: number,
};

export type About = {
  /** The program's. */
  version: string,
  /** What trainings run on. */
  device: string,
  /** Threads that train. */
  threads: number,
  /** The machine's. */
  cores: number,
};

export type Memory = {
  limit: number,
  held: number,
};

export type Notes = {
  said: Array<Told>,
  warnings: Array<Told>,
};

export type Told = {
  kind: Kind,
  values: { [key in string]: string },
  /** Those of its values that are sentences of their own. */
  parts: { [key in string]: Told },
  /** Where it is about one place of a file. */
  place: Place | null,
  /** Where it is about a setting. */
  setting: Setting | null,
  text: string,
};

export type Place = {
  file: string,
  line: number,
  column: string | null,
};

export type Setting = {
  name: string,
  value: string,
};

export type Kind = "shape_as" | "shape" | "last_column" | "ask_yes_no" | "ask_several" | "ask_class" | "ask_amount" | "names_again" | "name_again" | "no_target" | "gaps_in_targets" | "left_out" | "taken_for_missing" | "taken_for_missing_once" | "numbers_written" | "leading_zeros" | "many_digits" | "dates_open" | "dates" | "names_in_comment" | "arff" | "title" | "titles" | "encoding" | "cells_headed_more" | "cells_headed" | "cells_bare_more" | "cells_bare" | "cells_apart" | "sheet_headed" | "sheet_bare" | "commas" | "semicolons" | "tabs" | "bars" | "spaces" | "decimal_commas_more" | "decimal_commas" | "text_taken_for" | "text_in" | "two_values" | "holds_words" | "few_whole_numbers" | "holds_numbers" | "as_asked" | "not_asked_for" | "rows_count" | "parts_used" | "nothing_in_it" | "always_the_same" | "numbers_rows" | "words_and_numbers" | "dates_differ" | "many_words" | "free_text" | "leak" | "leak_by_sum" | "leak_by_difference" | "mixed_words" | "odd_words" | "odd_word" | "missing_answer" | "small_classes" | "untrained" | "twin_numbers" | "open_thousands" | "open_decimals_from" | "twin_words" | "odd_zeros" | "stand_ins" | "twin_answers" | "no_such_column_guess" | "no_such_column" | "nothing_to_learn_from" | "no_column_left" | "same_everywhere" | "not_a_number" | "too_large_for_memory" | "is_gone" | "has_changed" | "diverged" | "not_saved" | "fault" | "other_trains" | "still_stopping" | "still_at_step" | "run_is_over" | "trains_still" | "no_run" | "no_model" | "no_study" | "no_data_here" | "no_test_part" | "nothing_drawn" | "body_too_large" | "too_many_steps" | "too_many_layers" | "network_too_large" | "no_room_for_table" | "no_room_for_data" | "not_a_table" | "nickname_first" | "nickname_taken" | "nickname_empty" | "nickname_long" | "class_full" | "teacher_only" | "bad_threshold" | "others_wait" | "too_slow" | "server_fault" | "other";

export type Task = "binary" | "classes" | "number";

export type Data = {
  id: string,
  name: string,
  kind: DataKind,
  train_samples: number,
  test_samples: number,
  shape: Array<number>,
  features: number,
  task: Task,
  names: Array<string>,
  columns: Array<string> | null,
  target: string | null,
  said: Array<string>,
  warnings: Array<string>,
  /** The same, for a page in any language. */
  told: Notes,
  /** The first rows of a table, as they were read. */
  rows: Record<string, string | number | null>[],
  defaults: Spec,
};

export type DataKind = "pictures" | "table" | "array";

export type Spec = {
  /** `mnist`, or where the data lies. */
  data: string,
  /** Yes or no about this class. */
  is: string | null,
  /** The column that is asked about, of a table. */
  target: string | null,
  /** The hidden layers. */
  hidden: Array<Hidden> | null,
  /** `sgd`, `adam`, `adamw`, `rmsprop`. */
  optimizer: string | null,
  /** Learning rate. */
  lr: number | null,
  /** Pulls weights towards 0. */
  weight_decay: number | null,
  /** `constant`, `cosine`, `one-cycle`. */
  schedule: string | null,
  /** Samples a step. */
  batch_size: number | null,
  /** How often all samples are seen. */
  epochs: number | null,
  /** How numbers of a table become inputs: `standard`, `min-max`, `none`, `piecewise`, `piecewise-always`. */
  scaling?: string,
  /** Whether a table's numbers, those to be predicted too, are taken as they are. */
  no_scale?: boolean,
  /** The part of the samples to test on, where the data has no test part; 0: none. */
  test_fraction?: number,
  /** Of the products: `f32`, `bf16`, `tf32` (on a card alone), or `auto`: bf16 where it is faster. */
  precision?: string,
  /** Of weights, shuffles and splits. */
  seed: number | null,
};

export type Hidden = {
  /** Neurons. */
  width: number,
  /** As in a network's text: `relu`, `leaky_relu(0.2)`; None: a layer without. */
  activation: string | null,
  /** The part of its neurons that is left out at each step. */
  dropout: number,
};

export type Baseline = {
  /** Accuracy, or the RMSE of the mean. */
  measure: number,
  /** The answer; None for numbers. */
  answer: string | null,
  /** The loss of the best constant answer: of classes their shares, of numbers the mean. None before a run. */
  loss: number | null,
  /** The loss of what knows nothing: ln K, ln 2, about the variance. None before a run. */
  even_loss: number | null,
};

export type Plan = {
  network: string,
  task: Task,
  names: Array<string>,
  inputs: number,
  outputs: number,
  output_activation: string,
  loss: string,
  parameters: number,
  train_samples: number,
  test_samples: number,
  steps_per_epoch: number,
  steps: number,
  baseline: Baseline | null,
  shape: Array<number>,
  spec: Spec,
  command: string,
  said: Array<string>,
  warnings: Array<string>,
  /** The same, for a page in any language. */
  told: Notes,
  /** What looks wrong in the network. */
  findings: Array<Finding>,
};

export type Finding = {
  text: string,
} & ({ "kind": "linear_after_linear", first: number, second: number, } | { "kind": "softmax_inside", layer: number, } | { "kind": "no_better", answer: string | null, } | { "kind": "same_answer" } | { "kind": "dead_neurons", layer: number, dead: number, of: number, } | { "kind": "high_learning_rate", lr: number, usual: number, } | { "kind": "low_learning_rate", lr: number, usual: number, } | { "kind": "few_steps", steps: number, } | { "kind": "nothing_seen" } | { "kind": "still_falling" } | { "kind": "other" });

export type What = {
  "kind": "linear_after_linear",
  first: number,
  second: number,
} | {
  "kind": "softmax_inside",
  layer: number,
} | {
  "kind": "no_better",
  answer: string | null,
} | {
  "kind": "same_answer" } | {
  "kind": "dead_neurons",
  layer: number,
  dead: number,
  of: number,
} | {
  "kind": "high_learning_rate",
  lr: number,
  usual: number,
} | {
  "kind": "low_learning_rate",
  lr: number,
  usual: number,
} | {
  "kind": "few_steps",
  steps: number,
} | {
  "kind": "nothing_seen" } | {
  "kind": "still_falling" } | {
  "kind": "other" };

export type Run = {
  id: string,
  name: string,
  data: string | null,
  spec: Spec | null,
  network: string,
  task: Task,
  names: Array<string>,
  shape: Array<number>,
  pictures: boolean,
  parameters: number,
  state: Phase,
  stage: Stage | null,
  step: number,
  steps: number,
  steps_per_epoch: number | null,
  epoch: number,
  lr: number,
  pace: number | null,
  loss: number | null,
  seconds: number,
  test: Test | null,
  baseline: Baseline | null,
  tensors: Array<Tensor>,
  columns: Array<Column> | null,
  inputs: Array<string> | null,
  trainable: boolean,
  saved: string | null,
  reason: string | null,
  /** The same, for a page in any language. */
  reason_told: Told | null,
  command: string | null,
  /** What looks wrong in what came of it, once it has ended. */
  findings: Array<Finding>,
  curves?: Curves,
  stage_report?: StageReport,
};

export type Phase = "running" | "paused" | "done" | "stopped" | "diverged" | "failed" | "loaded";

export type Stage = "forward" | "backward";

export type Curves = {
  loss: Array<[number, number]>,
  test: Array<Tested>,
  train: Array<Tested>,
};

export type Tested = [number,
  number,
  number | null];

export type Tensor = {
  name: string,
  shape: Array<number>,
};

export type Column = {
  "kind": "number",
  name: string,
  typical: number,
  low: number,
  high: number,
} | {
  "kind": "category",
  name: string,
  words: Array<string>,
};

export type Test = {
  step: number,
  /** Tested: all of the test part, or some of it where a test of all takes long. */
  samples: number,
  loss: number,
  /** Accuracy or R²; None where nothing varies. */
  measure: number | null,
  baseline: number,
} & ({ accuracy: number, accuracy_interval?: [number, number], errors: number, all_right?: number, } | { rmse: number, mae: number, r2: number | null, r2_mean?: number, });

export type TestKind = {
  accuracy: number,
  accuracy_interval?: [number, number],
  errors: number,
  all_right?: number,
} | {
  rmse: number,
  mae: number,
  r2: number | null,
  r2_mean?: number,
};

export type Progress = {
  run: string,
  step: number,
  epoch: number,
  lr: number,
  loss: Array<[number, number]>,
  test: Array<Tested>,
  /** Of samples it learns from, at the same moments. */
  train: Array<Tested>,
  /** The newest test in whole, if there is one since the last message. */
  tested: Test | null,
  seconds: number,
};

export type Gone = {
  run: string,
};

export type StageReport = {
  "stage": "forward",
  step: number,
  batch: number,
  rows: Array<number>,
  outputs: Array<Array<number>>,
  targets: Array<Array<number>>,
} | {
  "stage": "backward",
  step: number,
  loss: number,
  tensors: Array<Gradient>,
} | {
  "stage": "update",
  step: number,
  lr: number,
  /** Updates so far, this one with it: t in Adam's formula. */
  updates: number,
  /** With its settings, as a model's file has them. */
  optimizer: { type: string; betas?: [number, number]; alpha?: number; eps?: number; momentum?: number; weight_decay: number } | null,
  changes: Array<Change>,
  /** Why it has learnt nothing, or a layer has not. */
  nothing: Nothing | null,
};

export type Gradient = {
  name: string,
  norm: number,
  largest: Largest,
};

export type Largest = {
  index: Array<number>,
  value: number,
};

export type Change = {
  name: string,
  index: Array<number>,
  before: number,
  gradient: number,
  after: number,
  /** What the optimizer keeps of this parameter, after the update: Adam's m and v. */
  state: Array<number>,
};

export type Nothing = {
  "kind": "rate_is_zero" } | {
  "kind": "all_right",
  loss: number,
} | {
  "kind": "no_gradient",
  layer: number,
} | {
  "kind": "vanishing",
  times: number,
} | {
  "kind": "too_small" };

export type Snapshots = {
  steps: Array<number>,
  bytes: number,
  limit: number,
};

export type Trace = {
  step: number,
  label: string | null,
  probabilities: Record<string, number> | null,
  value: number | number[] | null,
  input: Array<number>,
  evidence: Array<number>,
  layers: Array<TracedLayer>,
  /** The cells that the inputs came from, of a table. */
  row_values: Record<string, string | number | null> | null,
  /** Of a sample that stands in the data. */
  row?: number,
  truth?: string | number | number[] | null,
  right?: boolean,
};

export type TracedLayer = {
  name: string,
  activation: string,
  values: Array<number>,
};

export type Touched = {
  trace: Trace,
  /** The loss on this sample. */
  loss: number,
  /** On the test part, or on some of it where the network is large; None where there is none. */
  test: Test | null,
  neuron: Neuron | null,
};

export type Neuron = {
  /** Of Linear layers, from 0. */
  layer: number,
  neuron: number,
  /** What its tensors are called. */
  weight_name: string,
  bias_name: string,
  activation: string,
  inputs: Array<number>,
  weights: Array<number>,
  bias: number,
  sum: number,
  output: number,
  /** The largest weight of its layer, by size. */
  largest: number,
};

export type Item = {
  row: number,
  truth: number | number[],
  answer: number | number[],
  /** Of the answer; where it is about belief, of the truth. None for numbers. */
  probability: number | null,
  loss?: number,
};

export type Mistakes = {
  step: number,
  samples: number,
  errors: number | null,
  names: Array<string>,
  confusion: Array<Array<number>> | null,
  /** How many there are of what was asked for. */
  found: number,
  items: Array<Item>,
};

export type Suspicious = {
  step: number,
  names: Array<string>,
  items: Array<Item>,
};

export type Plane = {
  step: number,
  x: Axis,
  /** None: one input varies, and a curve is drawn over it. */
  y: Axis | null,
  /** Inputs that are numbers: each can be an axis. */
  inputs: Array<string>,
  /** What is predicted. */
  target: string | null,
  /** Of a question's answers; of numbers none. */
  names: Array<string>,
  /** Samples, evenly chosen. */
  spots: Array<Spot>,
  field: Field | null,
  /** Of the first layer's neurons z in low x and low y, in high x and low y, in low x and high y. */
  lines: Array<[number, number, number]>,
  curve: Curve | null,
};

export type Chapter = {
  name: string,
  number: string,
  title: Words,
  about: Words,
  words: Array<Words>,
  commands: Array<string>,
  code: Code,
  drawn: Drawn,
  /** Points that a line is fitted to. */
  points: Array<[number, number]>,
  /** Whether something of it can be trained. */
  trained: boolean,
  /** The inputs that are drawn as the plane, where they are not the first two. */
  axes: [string, string] | null,
  /** The book's accuracy in percent. */
  book: number | null,
};

export type Words = {
  /** English. */
  en: string,
  /** Hebrew. */
  he: string,
};

export type Code = {
  /** With PyTorch. */
  torch: string,
  /** With this library. */
  rust: string,
  /** With its Python package. */
  python: string,
};

export type Drawn = "descent" | "landscape" | "line" | "scaled" | "cost" | "plane" | "curves" | "game";

export type Opened = {
  data: Data,
  spec: Spec,
};

export type GameTold = {
  /** Games it has learnt from. */
  games: number,
  /** ε. */
  curious: number,
  /** Actions that it remembers. */
  remembered: number,
  /** Of each hundred games: the last one's number, the parts won and lost. */
  curve: Array<Point>,
  /** Of a test: won, lost, drawn. */
  tested: [number, number, number] | null,
  /** Of a board: what each free square is worth; None: it is taken. */
  values: Array<number | null>,
  /** Of a board: "x", "o", "draw"; None: it goes on. */
  over: string | null,
  /** Of a board that goes on: where the agent would play. */
  best: number | null,
  recalled: Array<Taught>,
};

export type Point = [number,
  number,
  number];

export type Taught = {
  /** Before the action. */
  board: Array<number>,
  square: number,
  answer: number,
  reward: number,
  /** The board after the reply; None: the game was over. */
  next: Array<number> | null,
  /** What the best square there is worth to the copy. */
  worth: number | null,
  target: number,
};

export type Descent = {
  /** What is drawn of each variable. */
  shown: Array<[number, number]>,
  /** Of one variable: the function, evenly along what is drawn. */
  curve: Array<number>,
  /** Of two: side × side heights, the first variable first. */
  side: number,
  /** Those heights. */
  heights: Array<number>,
  /** As they were asked for. */
  balls: Array<Path>,
  /** The line's x as it was scaled: (x − centre) / scale. */
  centre: number,
  /** See `centre`. */
  scale: number,
};

export type Path = {
  /** The variables at each step, the start first. */
  places: Array<Array<number>>,
  /** The function there. */
  heights: Array<number>,
  /** The slopes there. */
  slopes: Array<Array<number>>,
  /** Whether it left all numbers, or ended far outside. */
  diverged: boolean,
};

export type Preset = {
  /** Its name. */
  function: string,
  /** The variables at the start. */
  start: Array<number>,
  /** The learning rate of SGD. */
  lr: number,
  /** Steps. */
  steps: number,
  /** The variables at the end, as printed. */
  ends: Array<number>,
};

export type Axis = {
  /** The column's name. */
  name: string,
  /** Where it begins. */
  low: number,
  /** Where it ends. */
  high: number,
};

export type Spot = [number,
  number,
  number,
  number];

export type Field = {
  side: number,
  /** The answer's place among the names. */
  classes: Array<number>,
  /** The answer's probability (of a yes/no question: that of yes), or the number. */
  values: Array<number>,
};

export type Curve = {
  /** Places. */
  xs: Array<number>,
  /** The answers there. */
  ys: Array<number>,
  /** What each neuron of the last hidden layer adds to it, most first. */
  parts: Array<Array<number>>,
};

export type ClassTold = {
  task: ClassTask,
  teacher: boolean,
  /** None: one has to be chosen. */
  nickname: string | null,
  /** Whether one of the own runs has done what the task wants. */
  reached: boolean,
};

export type ClassTask = {
  /** The data's id. */
  data: string,
  /** Yes or no about this class; null: the data's own question. */
  is: string | null,
  /** The accuracy (of numbers R²) on the whole test part, at least. */
  at_least: number | null,
  /** Hidden neurons, at most. */
  neurons: number | null,
  /** Weights and biases, at most. */
  parameters: number | null,
};

export type Wall = {
  task: ClassTask,
  pupils: Array<WallRow>,
};

export type WallRow = {
  id: number,
  /** None: it was taken away, and no other one is chosen yet. */
  nickname: string | null,
  /** Whether a page of this pupil is open. */
  here: boolean,
  /** The best network for the task. */
  best: Standing | null,
  /** How far the run is that trains, from 0 to 1. */
  training: number | null,
};

export type Standing = {
  run: string,
  network: string,
  /** Accuracy, of numbers R². */
  measure: number,
  /** Whether it is of the whole test part. */
  whole: boolean,
  /** Hidden ones. */
  neurons: number,
  parameters: number,
  /** Spent training. */
  seconds: number,
  /** Whether it is as small as the task wants it. */
  fits: boolean,
  /** Whether it has done what the task wants. */
  reached: boolean,
};
