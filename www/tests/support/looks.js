// What can be said about a page's looks without eyes: nothing sticks out, all text can be read, all controls have names.

/** Text must stand out from what is behind it this much, and large text this much (WCAG 2, AA). */
const CONTRAST_MIN = 4.5;
const CONTRAST_LARGE_MIN = 3;

/** Runs in the page: sentences about what is wrong with it. */
function faultsHere([contrastMin, contrastLargeMin]) {
  const faults = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) faults.push(`the page is ${wide} pixels wide where there are ${innerWidth}`);

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  /** Lays colours of any notation over each other. */
  const blend = (...colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = ([...rgba]) => {
    const [r, g, b] = rgba.slice(0, 3).map((level) => (level / 255 <= 0.04045 ? level / 255 / 12.92 : ((level / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    return ["white", ...layers];
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const text = node.textContent.trim();
    const element = node.parentElement;
    if (!text || !element.checkVisibility({ visibilityProperty: true }) || element.closest(".unseen, noscript, script, option")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    // What can be scrolled to sideways is scrolled nowhere on this page.
    if (box.right > innerWidth + 1 && getComputedStyle(element).textOverflow !== "ellipsis") faults.push(`“${text}” sticks out`);
    const control = element.closest("button, select, input, .button");
    if (control) {
      const around = control.getBoundingClientRect();
      if (box.left < around.left - 1 || box.right > around.right + 1) faults.push(`“${text}” does not fit its button`);
      if (control.disabled) continue;
    }
    const style = getComputedStyle(element);
    const back = behind(element);
    const [one, other] = [luminance(blend(...back, style.color)), luminance(blend(...back))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    const points = parseFloat(style.fontSize) * 0.75;
    const isLarge = points >= 18 || (points >= 14 && Number(style.fontWeight) >= 600);
    const least = isLarge ? contrastLargeMin : contrastMin;
    if (contrast < least) faults.push(`“${text}” has a contrast of ${contrast.toFixed(2)}, less than ${least}`);
  }
  return faults;
}

const NAMED = new Set(["button", "textbox", "combobox", "checkbox", "radio", "tab", "progressbar", "image", "dialog", "link"]);

/** Controls that those who listen can't tell apart, as the browser's own tree for them has it. */
async function nameless(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  const bad = nodes.filter(({ ignored, role, name }) => !ignored && NAMED.has(role?.value) && !name?.value);
  return bad.map(({ role, nodeId }) => `a ${role.value} (${nodeId}) has no name`);
}

/** All that is wrong with how the page looks now. */
export async function faults(page) {
  return [...(await page.evaluate(faultsHere, [CONTRAST_MIN, CONTRAST_LARGE_MIN])), ...(await nameless(page))];
}

/** How many colours a picture has, and the share of the commonest one. */
export function colours(page, png) {
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    return { count: counts.size, most: Math.max(...counts.values()) / pixels.length };
  }, png.toString("base64"));
}

/** Counts from now on how much of the page moves without anybody having touched it. */
export function watchJumps(page) {
  return page.evaluate(() => {
    window.jumps = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.jumps += entry.value;
    }).observe({ type: "layout-shift" });
  });
}

export const jumps = (page) => page.evaluate(() => window.jumps);
