#include "collector/web/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define NBSP "\xc2\xa0"

typedef void (*format_function)(const struct reader *reader, int64_t value, char ret_text[FORMAT_SIZE]);

static const struct {
	format_function format;
	int64_t value;
	const char *en, *ru;
} cases[] = {
	{ format_rate, 0, "0" NBSP "bit/s", "0" NBSP "бит/с" },
	{ format_rate, 999, "999" NBSP "bit/s", "999" NBSP "бит/с" },
	{ format_rate, 1000, "1" NBSP "kbit/s", "1" NBSP "кбит/с" },
	{ format_rate, 240000, "240" NBSP "kbit/s", "240" NBSP "кбит/с" },
	{ format_rate, 239999, "239" NBSP "kbit/s", "239" NBSP "кбит/с" },   /* below the threshold, and reads so */
	{ format_rate, 999999, "999" NBSP "kbit/s", "999" NBSP "кбит/с" },
	{ format_rate, 94190000, "94.1" NBSP "Mbit/s", "94,1" NBSP "Мбит/с" },
	{ format_rate, 1048576, "1.04" NBSP "Mbit/s", "1,04" NBSP "Мбит/с" },
	{ format_rate, 1500000, "1.5" NBSP "Mbit/s", "1,5" NBSP "Мбит/с" },
	{ format_rate, INT64_C(1000000000000), "1000" NBSP "Gbit/s", "1000" NBSP "Гбит/с" },
	{ format_size, 1, "1" NBSP "B", "1" NBSP "Б" },
	{ format_size, 1048576, "1.04" NBSP "MB", "1,04" NBSP "МБ" },
	{ format_duration, 0, "0" NBSP "µs", "0" NBSP "мкс" },
	{ format_duration, 12345, "12.3" NBSP "ms", "12,3" NBSP "мс" },
	{ format_duration, 4520000, "4.52" NBSP "s", "4,52" NBSP "с" },
	{ format_duration, 59999999, "59.9" NBSP "s", "59,9" NBSP "с" },
	{ format_duration, 60000000, "1" NBSP "min", "1" NBSP "мин" },
	{ format_duration, 5400000000, "1" NBSP "h" NBSP "30" NBSP "min", "1" NBSP "ч" NBSP "30" NBSP "мин" },
	{ format_duration, INT64_C(90000000000), "1" NBSP "d" NBSP "1" NBSP "h", "1" NBSP "д" NBSP "1" NBSP "ч" },
	{ format_time, 1795360588000, "22" NBSP "Nov 2026" NBSP "18:16", "22" NBSP "ноя 2026" NBSP "18:16" },
	{ format_day, 1795360588000, "22" NBSP "Nov", "22" NBSP "ноя" },
	{ format_day, 1795383000000, "23" NBSP "Nov", "23" NBSP "ноя" },      /* 21:30 UTC is the next day in Moscow */
	{ format_percent, 98, "98" NBSP "%", "98" NBSP "%" },
	{ format_ppm, 997678, "99.767" NBSP "%", "99,767" NBSP "%" },
	{ format_ppm, 1000000, "100.000" NBSP "%", "100,000" NBSP "%" },
	{ format_hour, 1795360588000, "18:16", "18:16" },
};

static void formats_in_both_languages(void **state)
{
	struct zone *zone;
	struct err err;

	(void)state;
	assert_int_equal(zone_load("Europe/Moscow", &zone, &err), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[FORMAT_SIZE];

		cases[i].format(&(struct reader){ "en", zone }, cases[i].value, text);
		assert_string_equal(text, cases[i].en);
		cases[i].format(&(struct reader){ "ru", zone }, cases[i].value, text);
		assert_string_equal(text, cases[i].ru);
	}
	zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(formats_in_both_languages) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
