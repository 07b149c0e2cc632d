let format: Intl.NumberFormat | undefined;

/** `1,234,567`. Campaigns say a lot of numbers, and looking up the locale for each takes longer than judging a stage. */
export function numberText(number: number): string {
  format ??= new Intl.NumberFormat('en-US');
  return format.format(number);
}
