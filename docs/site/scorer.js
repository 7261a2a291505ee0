// How much a hit counts in the site's search: pages come before names of Python, and first those
// whose titles have all words that were asked for. "My" and "own", which Sphinx leaves out, count.
const HOW_MUCH_A_TITLE_COUNTS = 25;
const HOW_MUCH_A_PAGE_COUNTS = 3; // before lessons, when titles are alike
// What is about the project comes behind what is about its use
const OF_THE_PROJECT =
  /^(changelog|contributing|development|security|code_of_conduct|first-hour|reliability|mutation|soak|project)$/;
const ALIKE = { my: ["my", "own", "your"], mine: ["my", "own", "your"], your: ["my", "own", "your"] };
const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
const stemOf = (word) => word.replace(/(?<=...)(ing|ed|es|s)$/, "");

var Scorer = {
  objNameMatch: 4,
  objPartialMatch: 1,
  objPrio: { 0: 1, 1: 0, 2: -1 },
  objPrioDefault: 0,
  title: 30,
  partialTitle: 15,
  term: 5,
  partialTerm: 2,
  score([page, title, , , score, , kind]) {
    if (kind === "object") return score;
    const asked = wordsOf(new URLSearchParams(location.search).get("q") ?? "");
    const named = wordsOf(title.replace(/<[^>]*>/g, "")).map(stemOf);
    const found = asked.filter((word) =>
      (ALIKE[word] ?? [word]).some((one) => named.includes(stemOf(one))),
    );
    const share = asked.length ? found.length / asked.length : 0;
    let own = page.includes("/") ? 0 : HOW_MUCH_A_PAGE_COUNTS;
    if (OF_THE_PROJECT.test(page)) own = -HOW_MUCH_A_PAGE_COUNTS;
    return score + HOW_MUCH_A_TITLE_COUNTS * share + own;
  },
};
