import { CreateDelegatedLogin1795465000000 } from './migrations/1795465000000-CreateDelegatedLogin.js';

/** In the order in which they run. */
export const MIGRATIONS = [CreateDelegatedLogin1795465000000];
