#include "agent/measure/survey.h"

#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/measure/traffic.h"
#include "agent/measure/transfer.h"

#define DEADLINE_MS 3000
#define VERSIONS    SURVEY_VERSIONS

static const long versions[VERSIONS] = { CURL_IPRESOLVE_V4, CURL_IPRESOLVE_V6 };

struct question {
	struct survey *survey;
	struct transfer *transfer;   /* NULL once it is answered */
};

struct survey {
	struct question *questions;  /* VERSIONS a URL */
	struct survey_answer *answers;
	size_t count, open;          /* questions */
	uv_timer_t timer;            /* tells the answer from the loop, also when nothing could be asked */
	void (*done)(void *arg, const struct survey_answer *answers);
	void *arg;
};

static void release(uv_handle_t *handle)
{
	struct survey *survey = handle->data;

	free(survey->questions);
	free(survey->answers);
	free(survey);
}

static void on_told(uv_timer_t *timer)
{
	struct survey *survey = timer->data;

	uv_close((uv_handle_t *)timer, release);
	survey->done(survey->arg, survey->answers);
}

static void note_answered(struct survey *survey)
{
	if (--survey->open == 0)
		uv_timer_start(&survey->timer, on_told, 0, 0);
}

static void note_interface(struct survey_answer *answer, const struct transfer_result *result)
{
	struct err err;
	int index;

	if (traffic_egress(result->local_ip, result->peer_ip, &index, &err) == 0)
		if_indextoname((unsigned int)index, answer->interface);
}

static void on_answer(void *arg, const struct transfer_result *result)
{
	struct question *question = arg;
	struct survey *survey = question->survey;
	size_t index = (size_t)(question - survey->questions);
	struct survey_answer *answer = &survey->answers[index / VERSIONS];

	question->transfer = NULL;
	if (result->failure == REASON_NONE && result->content_length > 0) {
		answer->size_bytes = result->content_length;
		*(versions[index % VERSIONS] == CURL_IPRESOLVE_V4 ? &answer->has_ipv4 : &answer->has_ipv6) = true;
		note_interface(answer, result);
	}
	note_answered(survey);
}

static void ask(struct survey *survey, size_t index, struct fetch *fetch, const struct clock *clock, const char *url,
		const char *interface)
{
	struct question *question = &survey->questions[index];
	struct transfer_request request = { .url = url, .interface = interface, .ip_version = versions[index % VERSIONS],
					    .deadline_ms = DEADLINE_MS, .head_only = true };
	struct err err;

	question->survey = survey;
	if (transfer_start(fetch, clock, &request, on_answer, question, &question->transfer, &err) < 0) {
		log_warning("size of %.200s: %s", url, err.message);
		note_answered(survey);
	}
}

struct survey *survey_start(struct fetch *fetch, const struct clock *clock, const char *const *urls, size_t count,
			    const char *interface, void (*done)(void *arg, const struct survey_answer *answers), void *arg)
{
	struct survey *survey = xcalloc(1, sizeof *survey);

	*survey = (struct survey){ .questions = xcalloc(VERSIONS * count + 1, sizeof *survey->questions),
				   .answers = xcalloc(count + 1, sizeof *survey->answers),
				   .count = VERSIONS * count, .open = VERSIONS * count + 1, .done = done, .arg = arg };
	uv_timer_init(fetch_loop(fetch), &survey->timer);
	survey->timer.data = survey;
	for (size_t i = 0; i < survey->count; i++)
		ask(survey, i, fetch, clock, urls[i / VERSIONS], interface);
	note_answered(survey);   /* the one that kept it open until all were asked */
	return survey;
}

int survey_versions(const struct survey_answer *answer, long ret_versions[SURVEY_VERSIONS])
{
	bool has_both = answer->has_ipv4 && answer->has_ipv6;

	ret_versions[0] = has_both ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_WHATEVER;
	ret_versions[1] = CURL_IPRESOLVE_V6;
	return has_both ? 2 : 1;
}

void survey_abort(struct survey *survey)
{
	for (size_t i = 0; i < survey->count; i++)
		if (survey->questions[i].transfer)
			transfer_abort(survey->questions[i].transfer);
	uv_close((uv_handle_t *)&survey->timer, release);
}
