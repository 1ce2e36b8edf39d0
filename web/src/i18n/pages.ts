// The Indonesian words of the pages behind the board: they come with those pages.
import more from 'catalogue:id/pages';
import { add } from './text';

add(more.pages);
