// Asks a real engine what it would send: starts one on a free port of loopback, in a folder of its
// own, and stops it again.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS_MAX = 120_000;
const ANSWER_MS_MAX = 30_000;

// Runs `work` with `preview`, a function from a question to the answer of `POST /v1/preview`.
export async function withEngine({ campanile, components }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'campanile-gallery-'));
  const config = join(folder, 'campanile.toml');
  writeFileSync(config, [
    'instance = "edge-1"',
    'zone = "Europe/Rome"',
    'data_dir = "data"',
    `components_dir = ${JSON.stringify(components)}`,
    '[api]',
    'listen = "127.0.0.1:0"',
    '[files]',
    'root = "files"',
  ].join('\n'));
  const engine = spawn(campanile, ['serve', '--config', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => engine.on('exit', resolve));
  try {
    const origin = await address(engine);
    const token = readFileSync(join(folder, 'data', 'admin.token'), 'utf8').trim();
    return await work((question) => ask(origin, token, question));
  } finally {
    engine.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true });
  }
}

function address(engine) {
  return new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => reject(new Error(`the engine did not start:\n${said}`)), START_MS_MAX);
    const end = (finish, what) => { clearTimeout(late); finish(what); };
    const read = (chunk) => {
      said += chunk;
      const found = said.match(/listening on (http:\/\/127\.0\.0\.1:\d+)\s[^]*admin token/);
      if (found) end(resolve, found[1]);
    };
    engine.stdout.on('data', read);
    engine.stderr.on('data', read);
    engine.on('error', (error) => end(reject, error));
    engine.on('exit', () => end(reject, new Error(`the engine ended:\n${said}`)));
  });
}

async function ask(origin, token, question) {
  const answer = await fetch(`${origin}/v1/preview`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(question),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status}: ${text}`);
  return JSON.parse(text);
}
