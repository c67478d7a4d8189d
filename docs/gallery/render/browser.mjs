// Pages to pictures and to text, by a Chromium that reaches no network.
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const SCALE = 1.5;
export const PICTURE_BYTES_MAX = 40_000;

// Runs `work` with `shoot`, a function from a page to its picture (PNG) and its text.
export async function withBrowser(executablePath, work) {
  // It draws our own pages, as root in a container too, where its sandbox does not start.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const context = await browser.newContext({ viewport: { width: 400, height: 800 }, deviceScaleFactor: SCALE, offline: true });
    return await work(async (html) => {
      const page = await context.newPage();
      const faults = [];
      page.on('pageerror', (error) => faults.push(error.message));
      await page.setContent(html, { waitUntil: 'load' });
      if (faults.length > 0) throw new Error(faults.join('\n'));
      const message = page.locator('#message');
      await message.evaluate(even);
      const cut = await message.evaluate(overflowing);
      const picture = await message.screenshot();
      const text = await message.evaluate(read);
      await page.close();
      return { picture: reduced(picture), text, cut };
    });
  } finally {
    await browser.close();
  }
}

// Half a pixel at the end would be a white line.
function even(message) {
  message.style.height = `${Math.ceil(message.offsetHeight / 2) * 2}px`;
}

// What is wider than the telephone.
function overflowing(message) {
  const right = message.getBoundingClientRect().right;
  return [...message.querySelectorAll('*')]
    .filter((one) => one.getBoundingClientRect().right > right + 1)
    .map((one) => one.textContent.trim().slice(0, 80));
}

// What is read, with the address behind each link, without what the service puts around a message.
function read(message) {
  for (const one of message.querySelectorAll('.avatar, [data-around]')) one.remove();
  for (const one of message.querySelectorAll('a[href]')) one.append(` <${one.href}>`);
  return message.innerText.replace(/\t/g, ' ').replace(/ +$/gm, '').replace(/\n{2,}/g, '\n').trim();
}

// As many colors as there is room for.
function reduced(picture) {
  const withColors = (count) =>
    execFileSync('pngquant', ['--speed', '1', '--nofs', '--strip', count, '-'], { input: picture });
  for (const count of ['64', '32', '16']) {
    const small = withColors(count);
    if (small.length <= PICTURE_BYTES_MAX) return small;
  }
  return withColors('8');
}
