// All texts of the page in English, its own file in dist: texts.he.ts has the same keys.
// Figures are those of docs/lecture.md: seed 0 of this engine.

export const texts = {
  views: "Views", tab_train: "Train", tab_draw: "Draw", tab_mistakes: "Mistakes", tab_lecture: "Lecture", tab_time: "Time",
  skip: "Skip to the view", theRun: "The run that is shown", offline: "The program does not answer. It is being tried again…",
  close: "Close", copy: "Copy", copied: "Copied.", more: "More", none: "None.", back: "Back", goOn: "Next", clear: "Clear", previous: "Previous", next: "Next",
  asTable: "As a table", logScale: "log scale", step: "Step", run: "Run",

  chooseData: "Data", ownTable: "Your own table (CSV): drop it here or choose a file",
  kindPictures: "pictures", kindTable: "table, {n} columns", kindArray: "numbers", samplesN: "{train} to train, {test} to test",
  theQuestion: "Question", targetColumn: "What is to be told", isIt: "Is it a …?", isItA: "Is it a {x}?", whichOfAll: "Which of all {n} is it?",
  baselineSaid: "Always saying “{answer}” would be right {share} of the time. That is what the network has to beat.",
  baselineNumber: "Always saying the mean would be off by {rmse} (RMSE). That is what the network has to beat.",
  theNetwork: "Network", inputLayer: "Input", outputLayer: "Output", hiddenN: "Hidden {n}", follows: "follows from the question",
  inputsColumns: "numbers of a row", noActivation: "no activation", addLayer: "layer", addLayerAt: "Add a hidden layer here, as number {n}",
  removeLayer: "Remove hidden layer {n}", fewerNeurons: "Fewer neurons in hidden layer {n}", moreNeurons: "More neurons in hidden layer {n}",
  neuronsOf: "Neurons in hidden layer {n}", activationOf: "Activation of hidden layer {n}",
  whyBinary: "A yes/no question: one output with Sigmoid, the probability of “{answer}”. Above 0.5 means yes.",
  whyClasses: "One of {n}: as many outputs as classes. Softmax turns them into probabilities that add up to 1.",
  whyNumber: "A number: one output with nothing after it.",
  lossBinary: "The cost is binary cross entropy (BCE).", lossClasses: "The cost is cross entropy.", lossNumber: "The cost is the mean squared error (MSE).",
  parametersN: "{n} parameters", howToLearn: "Learning", learningRate: "Learning rate", optimizer: "Optimizer", batchSize: "Batch size",
  epochs: "Epochs", seed: "Seed", schedule: "Schedule of the rate", constant: "constant", cosine: "cosine", oneCycle: "one cycle",
  pace: "Pace", paceStep: "Step by step", paceStepLong: "It stands still until you press step or stage", paceSlow: "Slow", paceWatch: "Watch",
  paceFull: "Full speed", paceFullLong: "As fast as it goes", perSecond: "{n} steps a second",
  start: "Start", stepsN: "{steps} steps: {sum}", sameCommand: "The same on the command line",
  setup: "What is to be learnt", fold: "Fold away", unfold: "Show what is to be learnt", yourNetwork: "Your network",
  pressStart: "Change the blocks and the drawing follows. Press Start and it learns.",

  learnsFrom: "Samples", yes: "yes", no: "no",

  steer: "Steering", pause: "Pause", pauseLong: "Let it stand", resume: "Go on", resumeLong: "Let it run on", stage: "Stage",
  stageLong: "The next third of a step: forward, loss and backward, update", stepOne: "Step", stepLong: "One whole step", stop: "Stop", stopLong: "End this run and keep it",
  stateRunning: "training", statePaused: "paused", stateDone: "done", stateStopped: "stopped", stateDiverged: "diverged", stateLoaded: "from a file",
  startedRun: "Training has started: {name}", notTested: "not tested yet", progress: "How far the run is",
  rightOnTest: "right on test samples it never saw", always: "always “{answer}”: {share}", alwaysShort: "always “{answer}”", alwaysMean: "always the mean: R² 0",
  offBy: "off by {rmse} (always the mean: {base})", resultNumber: "R² {r2}, off by {rmse}; always the mean: {base}", resultClasses: "{share} right; always “{answer}”: {base}",
  lossNow: "Loss", epoch: "Epoch", stepsPerSecond: "Steps a second", lossCurve: "Loss", accuracyCurve: "On the test samples",
  firstWeights: "Weights of the first layer", gallery: "gallery of neurons", galleryHint: "Weights of {n} neurons. Arrow keys choose one.",
  minus: "minus", plus: "plus", weightsOf: "Weights of neuron {n}", neuronOf: "Neuron {n} of {of}", biasIs: "bias {x}", onwardIs: "goes on with weight {x}",
  inputN: "input {n}", afterStep: "After step {n}", firstOf: "the first {n} of {of}",
  oneSample: "One sample through the network", testSample: "Test sample", pushesDown: "pushes down (dashed)", pushesUp: "pushes up",
  andMore: "+ {n} more", says: "It says “{label}”, {share} sure.", isRight: "Right.", isWrong: "Wrong: it is “{truth}”.", saysNumber: "It says {value}; the truth is {truth}.",
  layer: "Layer", awake: "Above zero", strongest: "Strongest",

  oneStep: "One step in three stages", oneStepHint: "Press “Stage” to go through a step slowly; “Step” does all three.", notYet: "not yet",
  forward: "Forward", forwardLong: "The batch goes through the network, layer by layer. Out comes what it believes now.",
  backward: "Loss and backward", backwardLong: "The loss says how wrong that was. Going backwards, each weight learns its share in it: the gradient.",
  update: "Update", updateLong: "Each weight moves a little against its gradient. How far is decided by the learning rate and the optimizer.",
  sample: "Sample", wanted: "Wanted", said: "Said", saidYes: "“{answer}”?", saidRight: "Given to it", batchOf: "The first of {n} samples, step {step}.",
  gradientSizes: "How large the gradients are, tensor by tensor:", largest: "largest", weight: "Weight", gradient: "Gradient", before: "Before", after: "After",
  updateSaid: "Learning rate {lr}. The weights with the largest gradients:", stepDone: "Step {n} is done",

  yourRuns: "Your runs", runsHint: "No rule says how many layers and neurons: try, and compare.", parameters: "Parameters", result: "Result", compare: "Compare",
  compareRun: "Lay the curves of run {n} over the others", deleteRun: "Delete run {n}", scatterTitle: "Accuracy by number of parameters", parametersLog: "parameters (log scale)",

  nothingYet: "Nothing has learnt yet", trainLecture: "Train the lecture's network",
  inviteDraw: "Here a network tells what you draw. First one has to learn: the lecture's takes about a second.",
  inviteMistakes: "Here are the answers that a network got wrong. First one has to learn: the lecture's takes about a second.",
  inviteTime: "Here you go back to any moment of a training. First one has to happen: the lecture's takes about a second.",
  drawDigit: "Draw a digit", drawHint: "Draw a digit, or stamp one.", chooseHint: "Nothing is asked yet.", orStamp: "Or stamp a test digit", stampDigit: "Stamp a {x}",
  padLabel: "Sheet to draw a digit on", padKeys: "By keyboard: arrows move the pen, space puts it down and lifts it, Delete clears.",
  penDown: "Pen down", penUp: "Pen up", cleared: "The sheet is empty", fillRow: "Fill in a row", usually: "{low} to {high}", chooseSample: "Choose a sample",
  netSees: "What the network sees", netSaw: "What the network saw", evidence: "What spoke for the answer, and against", against: "against", forIt: "for",
  sure: "{share} sure", litUp: "Hidden layer {n}: {lit} of {of} neurons lit up",

  mistakes: "Mistakes", wrongOnes: "Wrong test answers", suspiciousOnes: "Odd training samples", allMistakes: "Show all wrong ones",
  wrongOf: "{n} wrong of {of} ({share} right), the surest first", farthestOff: "The farthest off first", suspiciousTitle: "What the network finds least believable of what it learnt from: wrong labels, perhaps?",
  rightCell: "{n} times “{truth}”, and said so", wrongCell: "{n} times “{truth}”, said “{answer}”",
  confusion: "Which were taken for which", confusionHint: "Press a cell to see its samples.", truthDown: "it is ↓", answerAcross: "said →",
  mistakeLabel: "It is {truth}, the network said {answer}, {share} sure. Open.", suspectLabel: "Labelled {truth}, believed {share}; the network says {answer}. Open.", offLabel: "It is {truth}, the network said {answer}. Open.",
  believed: "label: {share}", testSampleN: "Test sample {n}", trainSampleN: "Training sample {n}",

  tryIt: "Try it", stepOf: "{n} of {of}", askYesNo: "yes or no", askOneOf: "one of several", askNumber: "a number",

  noData: "This model came without its data", noDataLong: "Its mistakes cannot be looked for. Open the folder of its run instead, or train here.",
  noCourse: "This model came from a file", noCourseLong: "Its training was not watched, so there are no moments to go back to. Train here, and there will be.",
  time: "Time", moment: "Moment of the run", momentNow: "now", momentEnd: "at the end", momentStep: "after {n} of {of} steps", toNow: "To now", toEnd: "To the end", playTime: "Play the run from its beginning",
  timeHint: "Move the slider at the foot of the page, or press play: weights, answers and the mark on the curves go back with it, in every view.",
  answersThen: "The test answers of that moment", answerThen: "Its answer to your drawing, or to a test sample", resultThen: "After {step} steps {share} right, {wrong} wrong (always the same answer: {base}).",
} as const;

/** What a step of the lecture says; `tries` names its links. */
export interface Words { title: string; text: string[]; tries: string[] }

export const lecture: Words[] = [
  {
    title: "A perceptron",
    text: [
      "A perceptron takes numbers, multiplies each by a weight, adds them up, and gives one number. The weights are what it learns.",
      "One perceptron that looks at the 784 pixels of a picture already tells a 7 from the other digits 98.42 % of the time. But beware: who never says 7 is right 89.72 % of the time. That number always stands beside ours, because it sounds good and is worth nothing.",
    ],
    tries: ["Train a single perceptron"],
  },
  {
    title: "Perceptrons wired together",
    text: [
      "In a neural network the input of one perceptron is the output of others. In a fully connected network each neuron's output goes to every neuron of the next layer.",
      "So a layer with 20 inputs and 30 neurons has 20 × 30 weights, and a bias for each neuron: 630 parameters. Add and remove layers and neurons, and watch how the number of parameters adds up.",
    ],
    tries: ["Build a network from blocks"],
  },
  {
    title: "Input, hidden, output",
    text: [
      "The data decides the input layer: a picture of 28 × 28 has 784 numbers. The question decides the output layer: a yes/no question needs one output, “which of ten digits?” needs ten. What lies between is hidden, and yours to choose.",
      "A layer's outputs are the next layer's inputs, so the two numbers must be equal. Here they cannot differ: each width stands there once.",
    ],
    tries: ["Ask: is it a 7?", "Ask: which digit is it?"],
  },
  {
    title: "The end of the network and the cost",
    text: [
      "The cost function (the loss) says how wrong the answers are. It follows from the question, and so does the activation at the end: Sigmoid and BCE for yes or no, Softmax and cross entropy for one of several, nothing and MSE for a number.",
      "The page picks both for you and says why. Softmax is done once, even where a network in PyTorch would by mistake do it twice.",
    ],
    tries: ["See what yes/no implies", "See what ten classes imply"],
  },
  {
    title: "MNIST: is it a 7?",
    text: [
      "MNIST is 70,000 handwritten digits, 28 × 28 grey pixels each, with a label. 60,000 are for training, 10,000 are kept for the test: the network never sees them while it learns.",
      "First we pick one digit beforehand and ask whether a picture shows it: a binary model.",
    ],
    tries: ["Is it a 7?", "Is it a 3?"],
  },
  {
    title: "How a picture gets in",
    text: [
      "The input layer is one row of numbers, and a picture is a table. So we flatten it: 784 numbers in a row, each from 0 (black) to 1 (white).",
      "A batch of 50 pictures is then a table of 50 rows and 784 columns. Draw a digit and see the 28 × 28 that the network sees.",
    ],
    tries: ["Draw, and see what the network sees"],
  },
  {
    title: "Batches, and a step in three stages",
    text: [
      "A step of training has three stages: forward through the network; the loss, and back to the gradients; the update of the weights.",
      "Going through all 60,000 pictures before each update would be inefficient. So each batch of 50 gets its own update: 1,200 steps are one pass over the data, an epoch. Then one starts again.",
      "Press “Stage” and see the real numbers of each stage.",
    ],
    tries: ["One step, stage by stage"],
  },
  {
    title: "The run",
    text: [
      "What is chosen before training and not learnt are the hyper-parameters: here 100 hidden neurons, 2 epochs, and a learning rate of 0.01. Two epochs of 1,200 steps are 2,400 steps, and the loss falls.",
      "The loss of a single batch jumps; the mean over many says more. And a loss is not an accuracy. Try a learning rate that is far too large, and see what comes of it.",
    ],
    tries: ["Watch it learn, 200 steps a second", "At full speed", "With a learning rate of 1"],
  },
  {
    title: "The test",
    text: [
      "Now the model is asked about 10,000 pictures it has never seen, and the right answers are counted. The lecture gets 99.27 %; that is one good run. Seeds 0 to 4 give 98.82, 98.98, 99.20, 99.13 and 99.19 % here.",
      "Never saying 7 scores 89.72 %. So two or three tenths between two runs are luck; nine points above the baseline are not.",
    ],
    tries: ["Train with seed 0", "Train with seed 1"],
  },
  {
    title: "Where it is wrong",
    text: [
      "The table says more than the one number: with seed 0, 33 of 1,028 sevens were missed, and 85 other digits were taken for one.",
      "Look at the wrong ones, the surest first. Which would you have got wrong too? Open one and see what spoke for the answer.",
    ],
    tries: ["See the mistakes"],
  },
  {
    title: "How many layers, how many neurons?",
    text: [
      "There is no rule. One tries. A harder question with more parameters wants more neurons and more layers: “is it a 7?” hardly cares, “which digit is it?” does.",
      "Inside the network one uses ReLU, which makes negative numbers 0, or LeakyReLU, which makes them small. Train three networks in a row and compare their accuracy with their number of parameters.",
    ],
    tries: ["Train 10, 100 and 300 neurons in a row", "Try LeakyReLU"],
  },
  {
    title: "Your own handwriting",
    text: [
      "Draw a digit with the mouse or a finger. The program scales and centres it the way MNIST's digits are. How sure the network is says little about a drawing that is no digit at all: it has only learnt “7” and “not 7”.",
      "Then move the slider at the foot of the page: it brings back the network as it was while it learnt, and what it would have said then.",
    ],
    tries: ["Draw a digit", "Go back in time"],
  },
];
