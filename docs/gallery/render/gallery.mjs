// Draws what Campanile sends: each kind's messages about the alerts of `alerts.json`, as pictures and
// as text, into a folder with a README.
//
//     node gallery.mjs FOLDER --campanile PROGRAM --components FOLDER [--chromium PROGRAM] [--only KIND]
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PICTURE_BYTES_MAX, withBrowser } from './browser.mjs';
import { withEngine } from './engine.mjs';
import { clock } from './html.mjs';
import { looks } from './looks.mjs';
import { readme } from './readme.mjs';

const { positionals: [into], values: options } = parseArgs({
  allowPositionals: true,
  options: {
    campanile: { type: 'string' },
    components: { type: 'string' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    only: { type: 'string' },
  },
});
const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));
const [alerts, settings] = [read('alerts.json'), read('settings.json')];
// Each alert alone, and where a kind tells several at once, two of ntopng's in one message.
const ofNtopng = alerts.filter((one) => one.producer === 'ntopng').slice(0, 2);
const subjects = [
  ...alerts.map((one) => ({ ...one, told: [one.alert] })),
  { name: 'several', title: 'Both at once', time: ofNtopng.at(-1).time, producer: 'ntopng', told: ofNtopng.map((one) => one.alert) },
];
const kinds = Object.keys(looks).filter((kind) => !options.only || kind === options.only);
const faults = readdirSync(options.components, { withFileTypes: true })
  .filter((one) => one.isDirectory() && !looks[one.name])
  .map((one) => `${one.name}: it has no look in looks.mjs`);

const engine = { campanile: resolve(options.campanile), components: resolve(options.components) };
const sent = await withEngine(engine, async (preview) => {
  const bodies = {};
  for (const kind of kinds) {
    for (const { name, producer, told } of subjects) {
      const question = { kind, ...settings[kind], filter: { minimum_severity: 'none' }, producer, alerts: told };
      try {
        const { messages, left_out } = await preview(question);
        if (messages.length === 0) throw new Error(JSON.stringify(left_out));
        if (messages.length === 1) (bodies[kind] ??= {})[name] = steady(messages[0].body);
      } catch (error) {
        faults.push(`${kind}, ${name}: ${error.message}`);
      }
    }
  }
  return bodies;
});

const shown = await withBrowser(options.chromium, async (shoot) => {
  const kinds = [];
  for (const [kind, bodies] of Object.entries(sent)) {
    const look = looks[kind];
    const messages = [];
    for (const { name, title, time } of subjects) {
      const body = bodies[name];
      if (body === undefined || (name === 'several' && !look.draw)) continue;
      try {
        const page = await look.draw?.(body, { at: clock(time), others: Object.values(bodies) });
        const shot = page && await shoot(page);
        if (shot) keep(kind, name, shot);
        const text = await look.text?.(body) ?? shot.text;
        messages.push({ name, title, text, is_drawn: Boolean(page) });
      } catch (error) {
        faults.push(`${kind}, ${name}: ${error.stack}`);
      }
    }
    kinds.push({ kind, messages });
  }
  return kinds;
});

function keep(kind, name, { picture, cut }) {
  mkdirSync(join(into, kind), { recursive: true });
  writeFileSync(join(into, kind, `${name}.png`), picture);
  if (picture.length > PICTURE_BYTES_MAX) faults.push(`${kind}, ${name}: the picture has ${picture.length} bytes`);
  for (const one of cut) faults.push(`${kind}, ${name}: wider than a telephone: ${one}`);
}

// Ids and times of arrival are new each time; what changes by nothing else stays as it is.
function steady(body) {
  const arrivals = new RegExp(new Date().toISOString().slice(0, 10) + 'T\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z', 'g');
  return body.replace(/\b01[0-9A-HJKMNP-TV-Z]{24}/g, '01JD8Q5W3V9T6Z0M4K2N7P1R5S').replace(arrivals, (time) =>
    (alerts.some((one) => one.time.slice(0, 16) === time.slice(0, 16)) ? time : '2026-11-24T02:51:01.000Z'));
}

if (!options.only) writeFileSync(join(into, 'README.md'), readme(shown));
for (const fault of faults) console.error(fault);
console.log(`${shown.flatMap(({ messages }) => messages).length} messages of ${shown.length} kinds, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
