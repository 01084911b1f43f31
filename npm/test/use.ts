// Compiled only: the types of what the README shows, and of what must be refused.
import { Net } from "@reshet/core";

const net = new Net("2-8:relu-1:sigmoid", { optimizer: "adam", lr: 0.01, seed: 1 });
const { losses } = net.fit([[0, 1]], new Float32Array([1]), { epochs: 2, onEpoch: ({ loss }) => loss > 0.1 });
const last: number | undefined = losses.at(-1);
const yes: number = net.predict(new Float32Array([0, 1]))[0][0];
const again: Net = Net.load(net.save());
again.lr = yes + (last ?? 0);
// @ts-expect-error A network is text.
new Net(2);
// @ts-expect-error There is no such optimiser.
new Net("2-1", { optimizer: "newton" });
// @ts-expect-error It follows from the training.
net.updates = 3;
