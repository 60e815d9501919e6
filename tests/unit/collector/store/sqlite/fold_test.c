#include "collector/store/sqlite/fold.h"

#include "tests/unit/collector/store/sqlite/fixture.h"

static const struct {
	const char *name, *text, *want;
	size_t count;
} cases[] = {
	{ "nothing",                        "",             "",             0 },
	{ "ASCII",                          "AZ az 09 [@",  "az az 09 [@",  11 },
	{ "first and last Cyrillic letter", "АЯая",         "аяая",         4 },
	{ "yo is written as ye",            "ЁЛКА ёлка",    "елка елка",    9 },
	{ "Ukrainian and Belarusian",       "ЇЄІЎҐ",        "їєіўґ",        5 },
	{ "Latin with marks",               "ÀÖØÞŽŸĹ",      "àöøþžÿĺ",      7 },
	{ "signs between the letters",      "×÷",           "×÷",           2 },
	{ "three bytes stay",               "№ €",          "№ €",          3 },
	{ "cut in the middle of a letter",  "А\xD0",        "а\xD0",        2 },
	{ "not UTF-8",                      "\xFF" "A\xC3(", "\xFF" "a\xC3(", 4 },
};

static void folds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *text = xstrdup(cases[i].text);

		fold_text(text);
		if (strcmp(text, cases[i].want) || fold_count(text) != cases[i].count)
			fail_msg("%s: %s (%zu)", cases[i].name, text, fold_count(text));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(folds) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
