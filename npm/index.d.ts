/** Samples or targets: a row of numbers each, or all of them flat, row after row. */
export type Numbers = ArrayLike<number> | ReadonlyArray<ArrayLike<number>>;

export type Loss = "bce" | "bce-logits" | "cross-entropy" | "mse" | "l1" | "smooth-l1";

export interface Options {
  /** The loss; by default the one that goes with the last layer: BCE for sigmoid, cross entropy for softmax, else MSE. */
  loss?: Loss;
  /** The optimiser (`adam` by default). */
  optimizer?: "adam" | "adamw" | "sgd" | "rmsprop";
  /** The learning rate (0.001 by default). */
  lr?: number;
  /** The weight decay (0 by default). */
  weightDecay?: number;
  /** The momentum, of SGD and RMSprop. */
  momentum?: number;
  /** The largest norm of the gradient over all parameters. */
  clip?: number;
  /** The seed of the initial weights and of the batches' order (0 by default): a whole number. */
  seed?: number;
}

export interface FitOptions {
  /** How often all samples are gone through (10 by default). */
  epochs?: number;
  /** Samples a step (64 by default). */
  batchSize?: number;
  /** Whether each epoch has an order of its own (true by default). */
  shuffle?: boolean;
  /** Called after each epoch; `false` ends the training there. */
  onEpoch?: (event: { epoch: number; loss: number }) => boolean | void;
}

/**
 * A network with its loss and optimiser.
 *
 *     const net = new Net("2-8:relu-1:sigmoid", { lr: 0.05 });
 *     net.fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], { epochs: 500 });
 *     net.predict([[0, 1]]);
 *
 * The same seed gives the same bits as the Rust library on its portable instructions. All errors
 * are `Error`s that say what is wrong.
 */
export class Net {
  /** Starts a network, written as the program writes it: `"784-100:relu-10:softmax"`. */
  constructor(network: string, options?: Options);
  /**
   * Reads what `save` gave, and goes on to the same steps; or a model.safetensors of the program, with Adam at
   * 0.001. The order of batches begins anew.
   */
  static load(bytes: Uint8Array | ArrayBuffer): Net;

  /** The network as text. */
  readonly network: string;
  /** Numbers that a sample has. */
  readonly inputs: number;
  /** Numbers that an answer has. */
  readonly outputs: number;
  /** The loss's name. */
  readonly loss: string;
  /** The optimiser's name. */
  readonly optimizer: string;
  /** Updates taken. */
  readonly updates: number;
  /** The learning rate. */
  lr: number;

  /**
   * Trains on these samples. Targets have a number for each output, or are classes (0, 1, 2, …) where the loss
   * is cross entropy. Inputs and targets should be about 1 in size. Returns the mean loss of each epoch.
   */
  fit(x: Numbers, y: Numbers, options?: FitOptions): { loss: number | undefined; losses: number[] };
  /** Takes a step on these samples; returns the mean loss before it. */
  step(x: Numbers, y: Numbers): number;
  /** Answers, a row each: probabilities, or numbers. */
  predict(x: Numbers): Float32Array[];
  /** Copies the parameters out, named as in PyTorch's `state_dict`. */
  parameters(): Record<string, { shape: number[]; values: Float32Array }>;
  /** Encodes the network as a safetensors file, with the optimiser's state. */
  save(): Uint8Array;
  /** Frees the memory now rather than when the object is collected. It cannot be used afterwards. */
  free(): void;
}
