/* input.h - what came with a call: the query, and the body as JSON (gzip allowed) or as an HTML form.
 * Errors:  ERR_INPUT, ERR_TOO_LARGE; every wrong field is added to call->faults.
 * Threads: a store thread, inside the read job. */
#ifndef PLUMBLINE_INPUT_H
#define PLUMBLINE_INPUT_H

#include "collector/api/api.h"

/* Of a body, inflated. A kilobyte of gzip can become megabytes of "{},{},", and each of these 80 megabytes of memory when
 * parsed: only who signed for it may send so much. */
#define INPUT_MAX_SIGNED_BYTES (8u << 20)
#define INPUT_MAX_BYTES        (64u << 10)

/* Parses the body of a call whose caller was checked, by its Content-Type: a JSON object into call->input; a form is left for input_text. */
int input_parse(struct api_call *call, struct err *err);

/* A field of a form; false: there is none, or the body is no form. */
bool input_form_text(const struct api_call *call, const char *name, char *ret_text, size_t size);

/* A text of the body, from JSON or the form. "" when it is absent and not required. */
int input_text(struct api_call *call, const char *name, bool required, char *ret_text, size_t size, struct err *err);

/* A value of the query in buffer; *ret_text points there, or is NULL when it is absent or empty. */
int query_text(struct api_call *call, const char *name, char *buffer, size_t size, const char **ret_text,
	       struct err *err);
/* preset when it is absent. */
int query_integer(struct api_call *call, const char *name, int64_t min, int64_t max, int64_t preset, int64_t *ret_value,
		  struct err *err);
/* One of names (ends with NULL); *ret_value is NULL when it is absent. */
int query_choice(struct api_call *call, const char *name, const char *const *names, const char **ret_value,
		 struct err *err);

/* Notes a wrong field and fails. */
int input_fault(struct api_call *call, struct err *err, const char *field, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
