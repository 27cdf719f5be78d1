import { use } from 'react';

/** Something that is loaded once, when it is first needed or before. */
export class Loadable<T> {
  private loading: Promise<T> | undefined;

  constructor(private readonly loader: () => Promise<T>) {}

  load(): Promise<T> {
    if (!this.loading) {
      const loading = this.loader();
      // React reads these fields of a promise, and does not suspend if it has been kept.
      void loading.then(
        (value) => Object.assign(loading, { status: 'fulfilled', value }),
        () => undefined,
      );
      this.loading = loading;
    }
    return this.loading;
  }

  /** Suspends the component that calls it until it is loaded. Where it is loaded, nothing suspends. */
  read(): T {
    return use(this.load());
  }
}
