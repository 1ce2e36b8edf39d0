// Whole documents for the tests: a board on which all is well, and the same in each kind of trouble.
import { applyPatch } from '../src/live/patch';
import type { Check, HealthDocument, JsonObject } from '../src/live/wire';
import boards from './board.json';

export type Trouble = keyof typeof boards.troubles;

export const TROUBLES = Object.keys(boards.troubles) as Trouble[];

export function board(...troubles: Trouble[]): HealthDocument {
  const well = boards.ok as unknown as JsonObject;
  const patches = boards.troubles as unknown as Record<Trouble, JsonObject>;
  return troubles.reduce((document, name) => applyPatch(document, patches[name]), well) as unknown as HealthDocument;
}

export function checkOf(name: string, ...troubles: Trouble[]): Check {
  const check = board(...troubles).checks[name];
  if (!check) throw new Error(`There is no check ${name} on the board.`);
  return check;
}
