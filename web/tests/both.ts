// Before any test: the words of both languages are there, also those of the pages behind the board.
import { only } from '../languages';
import pages from '../src/i18n/pages.json';
import reasons from '../src/i18n/reasons.json';
import { type Catalogue, teach } from '../src/i18n/text';
import texts from '../src/i18n/texts.json';
import words from '../src/i18n/words.json';

for (const language of ['id', 'en'] as const)
  teach(language, only({ texts, pages, words, reasons }, language) as Catalogue);
