/**
 * What has been opened so far, to be closed in the reverse order: the part of the standard
 * AsyncDisposableStack that is used here, which Node 22 does not have.
 */
export class ResourceStack implements AsyncDisposable {
  #resources: AsyncDisposable[] = [];

  /** Takes charge of a resource and hands it back. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Hands all of them over to another stack; this one then closes nothing. */
  move(): ResourceStack {
    const moved = new ResourceStack();
    moved.#resources = this.#resources;
    this.#resources = [];
    return moved;
  }

  /** Closes every resource, also when one of them fails; the first failure is thrown afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let resource = this.#resources.pop(); resource !== undefined; resource = this.#resources.pop()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
