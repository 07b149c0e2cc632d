/**
 * What a sample says of the share behind it, with a given confidence: the exact one-sided bounds of Clopper and Pearson.
 * Shares are 0 to 1, confidence percent from 50.
 *
 * @see C. J. Clopper, E. S. Pearson: The use of confidence or fiducial limits illustrated in the case of the binomial (1934)
 */

/**
 * The share is at least that, with this confidence.
 *
 * @param successes of `n`
 * @param n         0: nothing is known, so 0
 */
export function lowerBound(successes: number, n: number, confidencePercent: number): number {
  if (successes <= 0 || n <= 0) return 0;
  const logRest = Math.log1p(-confidencePercent / 100);
  if (successes >= n) return Math.exp(logRest / n);
  // Newton's method on ln P(X ≥ successes) over ln p. That curve rises and is concave (its slope is successes divided by
  // a sum that grows with p), so each tangent meets the level below the root: from the first step on it only climbs.
  let logShare = Math.log(successes / n);
  for (let step = 0; step < 100; step++) {
    const share = Math.exp(logShare);
    const { logTail, slope } = upperTail(successes, n, share);
    const next = logShare + (logRest - logTail) / slope;
    if (Math.abs(next - logShare) < 1e-15 * Math.max(1, Math.abs(logShare)) || (step > 0 && next <= logShare)) break;
    logShare = next;
  }
  return Math.min(1, Math.exp(logShare));
}

/** The share is at most that, with this confidence. Of nothing (`n` 0) nothing is known, so 1. */
export function upperBound(successes: number, n: number, confidencePercent: number): number {
  return 1 - lowerBound(n - successes, n, confidencePercent);
}

/** Devices that have to succeed, when none fails, for this share to be certain: 59 for 95 % at 95 %. Infinity: never. */
export function successesNeeded(atLeastPercent: number, confidencePercent: number): number {
  return moreSuccessesNeeded(0, 0, atLeastPercent, confidencePercent);
}

/** How many more have to succeed, when none fails, for the share to be that high with this confidence. Infinity: never. */
export function moreSuccessesNeeded(
  successes: number,
  n: number,
  atLeastPercent: number,
  confidencePercent: number,
): number {
  const isEnough = (more: number) =>
    n + more > 0 && isCertainlyAtLeast(successes + more, n + more, atLeastPercent, confidencePercent);
  if (isEnough(0)) return 0;
  if (atLeastPercent >= 100) return Number.POSITIVE_INFINITY;
  let enough = 1;
  while (!isEnough(enough)) {
    if (enough > 1e12) return Number.POSITIVE_INFINITY;
    enough *= 2;
  }
  let tooFew = Math.floor(enough / 2);
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/** Whether `lowerBound` is that high: one sum where the bound itself takes several. */
export function isCertainlyAtLeast(
  successes: number,
  n: number,
  atLeastPercent: number,
  confidencePercent: number,
): boolean {
  if (n <= 0) return false;
  if (atLeastPercent <= 0) return true;
  const share = atLeastPercent / 100;
  if (successes <= 0 || successes / n < share || share >= 1) return false;
  const logRest = Math.log1p(-confidencePercent / 100);
  const logTail = successes >= n ? n * Math.log(share) : upperTail(successes, n, share).logTail;
  return logTail <= logRest;
}

/** ln P(X ≥ k) and its slope over ln p, for k of n with 0 < k < n and a share p up to k/n: the sum falls from its first term on. */
function upperTail(k: number, n: number, p: number): { logTail: number; slope: number } {
  const odds = p / (1 - p);
  let sum = 1;
  let term = 1;
  for (let j = k; j < n && term > sum * 1e-17; j++) {
    term *= ((n - j) / (j + 1)) * odds;
    sum += term;
  }
  return { logTail: logProbability(k, n, p) + Math.log(sum), slope: k / sum };
}

/**
 * ln P(X = k), without the cancellation that factorials of millions bring.
 *
 * @see Catherine Loader: Fast and Accurate Computation of Binomial Probabilities (2000)
 */
function logProbability(k: number, n: number, p: number): number {
  const rest = n - k;
  return (
    stirlingError(n) -
    stirlingError(k) -
    stirlingError(rest) -
    deviance(k, n * p) -
    deviance(rest, n * (1 - p)) +
    0.5 * Math.log(n / (2 * Math.PI * k * rest))
  );
}

/** ln n! without Stirling's approximation of it. */
function stirlingError(n: number): number {
  if (n < 16) {
    let logFactorial = 0;
    for (let factor = 2; factor <= n; factor++) logFactorial += Math.log(factor);
    return logFactorial - 0.5 * Math.log(2 * Math.PI * n) - n * Math.log(n) + n;
  }
  const square = n * n;
  return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / 1680 / square) / square) / square) / n;
}

/** x ln(x / mean) + mean − x, which is tiny beside its parts where they are near each other. */
function deviance(x: number, mean: number): number {
  if (Math.abs(x - mean) >= 0.1 * (x + mean)) return x * Math.log(x / mean) + mean - x;
  const ratio = (x - mean) / (x + mean);
  let sum = (x - mean) * ratio;
  let part = 2 * x * ratio;
  for (let j = 1; ; j++) {
    part *= ratio * ratio;
    const next = sum + part / (2 * j + 1);
    if (next === sum) return sum;
    sum = next;
  }
}
