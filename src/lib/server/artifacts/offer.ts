/** A file that a device may be offered for an artifact. */
export interface OfferedFile {
  readonly filename: string;
  /** Bytes. */
  readonly size: number;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
}

export interface Cut extends OfferedFile {
  readonly label: string;
  /** Component → SHA-256 of the image that it must have. */
  readonly bases: Readonly<Record<string, string>>;
}

/** What runs on a device, by component: SHA-256, and who says so. */
export type KnownImages = ReadonlyMap<string, { readonly sha256: string; readonly isReported: boolean }>;

export type Offer =
  /** With a sentence for the action's history. */
  { readonly file: OfferedFile; readonly message: string } | { readonly file: undefined; readonly message: string };

/**
 * Chooses the cut of a package for a device: the smallest whose bases are the images that it has, else one that needs
 * none. Which one, and why, is never silent: a delta that became a full download is somebody's phone bill
 * (rauc-hawkbit-updater#223).
 */
export function chooseCut(artifact: string, cuts: readonly Cut[], images: KnownImages): Offer {
  const needsBase = cuts.filter(({ bases }) => Object.keys(bases).length > 0);
  const full = smallest(cuts.filter((cut) => !needsBase.includes(cut)));
  const matching = smallest(
    needsBase.filter(({ bases }) =>
      Object.entries(bases).every(([component, sha256]) => images.get(component)?.sha256 === sha256),
    ),
  );
  if (matching !== undefined) {
    return { file: matching, message: `${artifact}: offered for base ${matching.label}, ${matching.size} bytes.` };
  }
  if (full !== undefined && needsBase.length === 0) {
    return { file: full, message: `${artifact}: offered, ${full.size} bytes.` };
  }
  const why = mismatch(needsBase, images);
  if (full !== undefined) {
    return {
      file: full,
      message: `${artifact}: no delta fits (${why}), so the full image is offered, ${full.size} bytes.`,
    };
  }
  return { file: undefined, message: `${artifact}: no delta fits (${why}), and the package has no full image.` };
}

function smallest(cuts: readonly Cut[]): Cut | undefined {
  return cuts.toSorted((a, b) => a.size - b.size)[0];
}

/** `app runs 12ab34cd as it reports, deltas exist from 99ff00aa, 77ee11bb` */
function mismatch(cuts: readonly Cut[], images: KnownImages): string {
  const components = [...new Set(cuts.flatMap(({ bases }) => Object.keys(bases)))];
  return components
    .map((component) => {
      const image = images.get(component);
      const bases = new Set(
        cuts.map(({ bases: all }) => all[component]?.slice(0, 8)).filter((base) => base !== undefined),
      );
      const runs =
        image === undefined
          ? `what ${component} runs is not known`
          : `${component} runs ${image.sha256.slice(0, 8)} ${image.isReported ? 'as it reports' : 'as the server last installed'}`;
      return `${runs}, deltas exist from ${[...bases].join(', ')}`;
    })
    .join('; ');
}
