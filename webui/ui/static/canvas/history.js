// The steps of a painting: what can be undone and done again.

export const LEAST_STEPS = 100;
const MOST_STEPS = 200;
const MOST_BYTES = 256 * 2 ** 20; // of differences; a hundred steps are kept even beyond

export class History {
  /** steps: {number, layer, words, differences}, oldest first; position: the number of the last one that is done, 0 for none. */
  constructor(steps = [], position = 0) {
    this.steps = steps;
    this.position = position;
  }

  /** Adds a step; what was undone before it is gone, and so is the oldest beyond the limit. Returns the step. */
  add(layer, words, differences) {
    const step = { number: this.position + 1, layer, words, differences };
    this.steps = [...this.steps.filter(({ number }) => number <= this.position), step];
    this.position = step.number;
    while (this.steps.length > MOST_STEPS || (this.steps.length > LEAST_STEPS && this.#bytes() > MOST_BYTES)) this.steps.shift();
    return step;
  }

  /** The step to undo next, or null. */
  get last() {
    return this.steps.find(({ number }) => number === this.position) ?? null;
  }

  /** The step to do again next, or null. */
  get next() {
    return this.steps.find(({ number }) => number === this.position + 1) ?? null;
  }

  back() {
    const step = this.last;
    if (step) this.position -= 1;
    return step;
  }

  forth() {
    const step = this.next;
    if (step) this.position += 1;
    return step;
  }

  #bytes() {
    return this.steps.reduce((sum, step) => sum + step.differences.reduce((bytes, { runs }) => bytes + (runs?.byteLength ?? 0), 0), 0);
  }
}
