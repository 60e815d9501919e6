#include "agent/base/gzip.h"

#include <stdint.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16)   /* zlib's way of saying gzip */
#define STEP_BYTES       16384

int gzip_pack(const void *bytes, size_t length, struct buf *ret_packed, struct err *err)
{
	z_stream stream = { 0 };
	size_t bound;

	if (deflateInit2(&stream, 6, Z_DEFLATED, GZIP_WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, ERR_INTERNAL, "gzip: out of memory");
	bound = deflateBound(&stream, length);
	stream.next_in = (Bytef *)(uintptr_t)bytes;
	stream.avail_in = (uInt)length;
	stream.next_out = (Bytef *)buf_reserve(ret_packed, bound);
	stream.avail_out = (uInt)bound;
	deflate(&stream, Z_FINISH);
	ret_packed->length_bytes += stream.total_out;
	ret_packed->data[ret_packed->length_bytes] = '\0';
	deflateEnd(&stream);
	return 0;
}

int gzip_unpack(const void *bytes, size_t length, size_t max_bytes, struct buf *ret_bytes, struct err *err)
{
	z_stream stream = { 0 };
	struct buf out = { 0 };
	int code = Z_OK, rc = -1;

	if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
		return err_set(err, ERR_INTERNAL, "gzip: out of memory");
	stream.next_in = (Bytef *)(uintptr_t)bytes;
	stream.avail_in = (uInt)length;
	while (code == Z_OK) {
		stream.next_out = (Bytef *)buf_reserve(&out, STEP_BYTES);
		stream.avail_out = STEP_BYTES;
		code = inflate(&stream, Z_NO_FLUSH);
		out.length_bytes += STEP_BYTES - stream.avail_out;
		if (out.length_bytes > max_bytes) {
			err_set(err, ERR_TOO_LARGE, "gzip: more than %zu bytes when unpacked", max_bytes);
			goto out;
		}
	}
	if (code != Z_STREAM_END || stream.avail_in) {
		err_set(err, ERR_INPUT, "gzip: %s", code == Z_STREAM_END ? "bytes after its end" : "damaged or cut short");
		goto out;
	}
	buf_append(ret_bytes, out.data, out.length_bytes);
	rc = 0;
out:
	inflateEnd(&stream);
	buf_free(&out);
	return rc;
}
