#include "collector/http/tls.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "collector/http/tls_session.h"

/* OpenSSL's own memory BIO keeps the largest buffer it ever needed for as long as the connection lives; this one keeps
 * none: it reads from the bytes at hand and writes straight into the caller's buffer. */

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *method;
};

struct tls_session {
	SSL *ssl;
	const char *in;   /* set while one of the functions below runs */
	size_t in_bytes;
	struct buf *out;
};

static int bio_read(BIO *bio, char *ret_bytes, size_t size, size_t *ret_length)
{
	struct tls_session *session = BIO_get_data(bio);
	size_t length = size < session->in_bytes ? size : session->in_bytes;

	BIO_clear_retry_flags(bio);
	if (!length) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(ret_bytes, session->in, length);
	session->in += length;
	session->in_bytes -= length;
	*ret_length = length;
	return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t length, size_t *ret_length)
{
	struct tls_session *session = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	buf_append(session->out, bytes, length);
	*ret_length = length;
	return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method_new(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "plumbline");

	if (!method)
		return NULL;
	BIO_meth_set_read_ex(method, bio_read);
	BIO_meth_set_write_ex(method, bio_write);
	BIO_meth_set_ctrl(method, bio_control);
	return method;
}

/* "error:0A000074:SSL routines::no start line" becomes "no start line". */
static int say(struct err *err, const char *what, const char *path)
{
	char text[256];
	const char *reason;

	ERR_error_string_n(ERR_get_error(), text, sizeof text);
	ERR_clear_error();
	reason = strrchr(text, ':');
	return err_set(err, ERR_USAGE, "tls %s %s: %s", what, path, reason ? reason + 1 : text);
}

/* The daemon has nobody to ask. */
static int no_passphrase(char *ret_text, int size, int for_writing, void *arg)
{
	(void)ret_text;
	(void)size;
	(void)for_writing;
	(void)arg;
	return -1;
}

static void configure(SSL_CTX *ssl)
{
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);   /* tickets resume a session; nothing is kept here */
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
}

int tls_context_new(const char *certificate_path, const char *key_path, struct tls_context **ret_context,
		    struct err *err)
{
	struct tls_context *context = xcalloc(1, sizeof *context);
	int rc = -1;

	ERR_clear_error();
	context->ssl = SSL_CTX_new(TLS_server_method());
	context->method = bio_method_new();
	if (!context->ssl || !context->method) {
		err_set(err, ERR_INTERNAL, "tls: OpenSSL does not start");
		goto out;
	}
	configure(context->ssl);
	if (SSL_CTX_use_certificate_chain_file(context->ssl, certificate_path) != 1) {
		say(err, "certificate", certificate_path);
		goto out;
	}
	if (SSL_CTX_use_PrivateKey_file(context->ssl, key_path, SSL_FILETYPE_PEM) != 1) {
		say(err, "key", key_path);
		goto out;
	}
	*ret_context = context;
	context = NULL;
	rc = 0;
out:
	tls_context_free(context);
	return rc;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->method);
	free(context);
}

struct tls_session *tls_session_new(struct tls_context *context)
{
	struct tls_session *session = xcalloc(1, sizeof *session);
	BIO *bio = BIO_new(context->method);

	session->ssl = SSL_new(context->ssl);
	if (!bio || !session->ssl) {
		BIO_free(bio);
		tls_session_free(session);
		return NULL;
	}
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_accept_state(session->ssl);
	return session;
}

void tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	SSL_free(session->ssl);
	free(session);
}

bool tls_session_receive(struct tls_session *session, const void *bytes, size_t length, struct buf *ret_plain,
			 struct buf *out)
{
	size_t record = 0;

	session->in = bytes;
	session->in_bytes = length;
	session->out = out;
	ERR_clear_error();
	while (SSL_read_ex(session->ssl, buf_reserve(ret_plain, SSL3_RT_MAX_PLAIN_LENGTH), SSL3_RT_MAX_PLAIN_LENGTH,
			   &record) == 1)
		ret_plain->length_bytes += record;
	return SSL_get_error(session->ssl, 0) == SSL_ERROR_WANT_READ;
}

bool tls_session_send(struct tls_session *session, const void *bytes, size_t length, struct buf *out)
{
	size_t written;

	session->in_bytes = 0;
	session->out = out;
	ERR_clear_error();
	return SSL_write_ex(session->ssl, bytes, length, &written) == 1;
}

void tls_session_end(struct tls_session *session, struct buf *out)
{
	session->in_bytes = 0;
	session->out = out;
	ERR_clear_error();
	SSL_shutdown(session->ssl);
}
