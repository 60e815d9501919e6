/* answer.h - makes the bytes of an answer: JSON, a problem (RFC 9457), or a page.
 * Threads: answer_make and answer_problem on a store thread at the end of the last step; answer_send on the loop. */
#ifndef PLUMBLINE_ANSWER_H
#define PLUMBLINE_ANSWER_H

#include "collector/api/api.h"

/* The HTTP status of a failure. */
int answer_status(enum err_code code);

/* call->answer, or its redirect, into call->reply. Fails with ERR_INTERNAL when the page cannot be rendered. */
int answer_make(struct api_call *call, struct err *err);

/* Why the call failed into call->reply; what is behind a status of 5xx is logged, not shown. */
void answer_problem(struct api_call *call, const struct err *why);

/* Sends call->reply with its headers, when the connection is still there. */
void answer_send(struct api_call *call);

/* Makes the call's redirect lead to the login page, and from there to next (NULL: the start page). */
void answer_go_to_login(struct api_call *call, const char *next, bool failed);

/* May a page send its reader here? Only paths of this very server: "/tickets?state=open". */
bool answer_is_local_path(const char *path);

#endif
