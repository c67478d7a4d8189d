// An incident of PagerDuty: its row in the list, and its newest alert.
import { day, escaped, link, page } from '../html.mjs';

const style = `
#message { background: #f3f3f6; color: #25262b; }
.card { background: #fff; border: 1px solid #dcdce4; border-radius: 6px; padding: 10px 12px; margin-bottom: 8px; }
.state { float: right; font-size: 12px; font-weight: bold; }
.severity { display: inline-block; color: #fff; font-size: 12px; font-weight: bold; border-radius: 3px; padding: 1px 7px; text-transform: capitalize; }
.summary { font-weight: bold; margin-top: 4px; }
small { color: #6b6c76; }
a { color: #2b63d9; text-decoration: none; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
td { vertical-align: top; padding: 3px 0; border-top: 1px solid #eee; }
td:first-child { color: #6b6c76; padding-right: 10px; white-space: nowrap; }`;

const SEVERITIES = { critical: '#d93025', error: '#e8710a', warning: '#b38600', info: '#4a6fa5' };
const STATES = { trigger: ['TRIGGERED', '#d93025'], acknowledge: ['ACKNOWLEDGED', '#b38600'], resolve: ['RESOLVED', '#188038'] };

// A resolve has the key of its incident; PagerDuty goes on showing what the trigger said.
export function draw(body, { others }) {
  const event = JSON.parse(body);
  const opened = others.map((one) => JSON.parse(one))
    .find((one) => one.event_action === 'trigger' && one.dedup_key === event.dedup_key);
  const { payload, links = [], client = '', client_url } = { ...opened, ...event };
  const [state, color] = STATES[event.event_action];
  const facts = ['source', 'component', 'group', 'class'].filter((one) => payload[one]).map((one) => [one, payload[one]]);
  const shown = [
    ...facts.map(row),
    ...links.map((one) => `<tr><td>link</td><td>${link(one.href, escaped(one.text ?? one.href))}</td></tr>`),
    `<tr><td>client</td><td>${link(client_url, escaped(client))}</td></tr>`,
  ];
  return page({ style, body: `<div class="card"><span class="state" style="color:${color}">${state}</span>
    <span class="severity" style="background:${SEVERITIES[payload.severity]}">${escaped(payload.severity)}</span>
    <div class="summary">${escaped(payload.summary)}</div><small>Network, ${day(payload.timestamp)}</small></div>
    <div class="card"><table>${shown.join('')}</table></div>
    <div class="card"><b>Custom details</b><table>${details(payload.custom_details)}</table></div>` });
}

const details = (values = {}) => Object.entries(values).map(row).join('');

const row = ([name, value]) => `<tr><td>${escaped(name)}</td><td>${
  value !== null && typeof value === 'object' ? `<table>${details(value)}</table>` : escaped(value)}</td></tr>`;
