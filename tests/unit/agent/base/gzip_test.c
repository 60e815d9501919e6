#include "agent/base/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_round_trips(void **state)
{
	static const size_t lengths[] = { 0, 1, 16383, 16384, 16385, 100000 };
	static char bytes[100000];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * i >> 7);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct buf packed = { 0 }, unpacked = { 0 };
		struct err err = { 0 };

		buf_append_text(&unpacked, "kept");
		assert_int_equal(gzip_pack(bytes, lengths[i], &packed, &err), 0);
		assert_int_equal(gzip_unpack(packed.data, packed.length_bytes, lengths[i], &unpacked, &err), 0);
		assert_int_equal(unpacked.length_bytes, 4 + lengths[i]);
		assert_memory_equal(unpacked.data, "kept", 4);
		assert_memory_equal(unpacked.data + 4, bytes, lengths[i]);
		buf_free(&packed);
		buf_free(&unpacked);
	}
}

static void test_output_is_bounded(void **state)
{
	static char zeros[1000000];
	struct buf packed = { 0 }, unpacked = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(gzip_pack(zeros, sizeof zeros, &packed, &err), 0);
	assert_true(packed.length_bytes < 2000);
	assert_int_equal(gzip_unpack(packed.data, packed.length_bytes, sizeof zeros - 1, &unpacked, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_string_equal(err.message, "gzip: more than 999999 bytes when unpacked");
	assert_int_equal(unpacked.length_bytes, 0);
	buf_free(&packed);
}

static void test_refuses_what_is_not_one_whole_member(void **state)
{
	struct buf good = { 0 }, twice = { 0 }, unpacked = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(gzip_pack("hello", 5, &good, &err), 0);
	buf_append(&twice, good.data, good.length_bytes);
	buf_append(&twice, good.data, good.length_bytes);
	assert_int_equal(gzip_unpack(twice.data, twice.length_bytes, 100, &unpacked, &err), -1);
	assert_string_equal(err.message, "gzip: bytes after its end");
	for (size_t length = 0; length < good.length_bytes; length++) {
		assert_int_equal(gzip_unpack(good.data, length, 100, &unpacked, &err), -1);
		assert_int_equal(err.code, ERR_INPUT);
		assert_string_equal(err.message, "gzip: damaged or cut short");
	}
	good.data[good.length_bytes - 6] ^= 1;   /* in the checksum */
	assert_int_equal(gzip_unpack(good.data, good.length_bytes, 100, &unpacked, &err), -1);
	assert_string_equal(err.message, "gzip: damaged or cut short");
	assert_int_equal(gzip_unpack("hello", 5, 100, &unpacked, &err), -1);
	assert_int_equal(unpacked.length_bytes, 0);
	buf_free(&good);
	buf_free(&twice);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_output_is_bounded),
		cmocka_unit_test(test_refuses_what_is_not_one_whole_member),
	};

	return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
