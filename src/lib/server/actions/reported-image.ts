/** The attribute in which a device tells the SHA-256 of what a component runs, 64 lowercase hex digits. */
export function reportedImage(component: string): string {
  return `ota.${component}.sha256`;
}
