// What the program embeds is what the source gives.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("..", import.meta.url));

test("../dist is built from src as it stands", () => {
  const fresh = mkdtempSync(join(tmpdir(), "reshet-dist-"));
  execFileSync(process.execPath, ["build.mjs"], { cwd: web, env: { ...process.env, DIST: fresh } });
  const kept = join(web, "../dist");
  assert.deepEqual(readdirSync(kept).sort(), readdirSync(fresh).sort());
  for (const file of readdirSync(fresh)) {
    assert.ok(
      readFileSync(join(kept, file)).equals(readFileSync(join(fresh, file))),
      `${file} differs: npm run build`,
    );
  }
  const bytes = readdirSync(kept).map((file) => readFileSync(join(kept, file)).length);
  const all = bytes.reduce((sum, one) => sum + one, 0);
  assert.ok(all < 400_000, `the page has ${all} bytes`);
  rmSync(fresh, { recursive: true });
});
