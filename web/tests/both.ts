// Before any test: the words of both languages are there, also those of the pages behind the board.
import '../src/i18n/pages';
import { learn } from '../src/i18n/text';

if (!(await learn('en'))) throw new Error('the English catalogue could not be read');
