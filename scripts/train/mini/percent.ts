export const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
