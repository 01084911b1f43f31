// The lecture's job with @reshet/core (`just npm` builds it).

import { Net } from "../../npm/index.js";
import { accuracy } from "./digits.mjs";

export const name = "@reshet/core";

export function start({ train, test, batch, lr }) {
  const net = new Net("784-100:relu-1:sigmoid", { lr });
  return {
    /** An epoch; answers how many steps it had. */
    train() {
      net.fit(train.x, train.y, { epochs: 1, batchSize: batch });
      return train.length / batch;
    },
    accuracy: () =>
      accuracy(
        net.predict(test.x).map(([p]) => p - 0.5),
        test.y,
      ),
  };
}
