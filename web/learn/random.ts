/** Random numbers from one seed: the same seed gives the same page. */

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** Largest seed: 2³² − 1. */
export const MAX_SEED = 0xffff_ffff;

/** MurmurHash3's finalizer (Appleby, 2011): every bit of the input changes every bit of the result. */
function mix(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

/**
 * A generator of its own for each use: sfc32 (Doty-Humphrey, PractRand), seeded with a hash of all arguments.
 * @param seed the page's seed, 0 to `MAX_SEED`
 * @param labels whole numbers that name the use, such as a section and the number of a sample
 */
export function random(seed: number, ...labels: number[]): Random {
  let hash = mix(seed + 0x9e3779b9);
  for (const label of labels) hash = mix(hash ^ mix(label + 0x7f4a7c15));
  let a = hash;
  let b = mix(hash + 1);
  let c = mix(hash + 2);
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let i = 0; i < 12; i++) next(); // until the seed has reached all of the state
  return next;
}
