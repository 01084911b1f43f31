// Texts of touching a network, of a step explained, of sharing, and of a class.

export const teach = {
  foundLowRate: "The learning rate {lr} is far below the usual {usual}. Try a larger one.",

  touchHint: "Press a neuron to see its numbers and to change them. Arrow keys go from one to the next.",
  theNetworkDrawn: "The network, drawn",
  drawnNetwork: "drawing of neurons",
  neuronHidden: "Hidden layer {layer}, neuron {n}",
  neuronOut: "Output {name}",
  neuronIn: "Input: {name} = {x}",
  weightedSum: "Σ input × weight",
  bias: "bias",
  theSum: "sum",
  output: "output",
  pixelAt: "pixel {row}, {column}",
  neuronN: "neuron {n}",
  weightFrom: "Weight of {x}",
  strongestNow: "What counts most here",
  pressPixel: "Press a pixel of the picture to change its weight.",
  nothingIn: "Nothing comes in: all its inputs are 0 here.",
  ofTheNetwork: "The network",
  asItIs: "as it is",
  changed: "changed",
  theAnswer: "Answer",
  lossHere: "Loss on this sample",
  rightOf: "Right of {n} test samples",
  r2Of: "R² on {n} test samples",
  putBack: "Put it back",
  changedN: "{n} changed",
  closePanel: "Close",
  addAll: "+ all others: {x}",

  stepDrawn: "The step on the network",
  stepForward: "Forward: training sample {row} goes in on the left. Each line is input × weight; each neuron adds them up.",
  stepBackward:
    "Backward: the loss tells the output how far it is off, and each layer passes that back. A line is the gradient of its weight over the batch, a neuron that of its bias.",
  stepUpdate: "Update: how far each weight has moved. Against its gradient: what pushed the loss up goes down.",
  oneWeight: "One weight written out:",
  alsoDecay: "Weight decay or momentum has its share in the result too.",
  nothingRate: "Learnt nothing, because the learning rate is 0: no weight may move.",
  nothingRight: "Learnt nothing, because every answer of this batch was right and sure (loss {loss}): there was nothing to put right.",
  nothingGradient:
    "Layer {layer} learnt nothing, because no gradient comes to it: for the whole batch its neurons are 0 (dead ReLU), or at an end of their activation. A smaller learning rate or LeakyReLU helps.",
  nothingVanishing:
    "The first layer hardly learns: its gradient is {times} times smaller than the last one's. Fewer layers, or ReLU instead of Sigmoid or Tanh, help.",
  nothingSmall: "Learnt nothing, because the steps are too small to change a number of 32 bits. Choose a larger learning rate.",

  shareLink: "A link with this setting",
  linkNoData: "The link's data is not here: open its table first.",
  savePicture: "Save as a picture",
} as const;
