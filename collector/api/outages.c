#include "collector/api/outages.h"

#include "collector/api/input.h"
#include "collector/api/routes.h"
#include "collector/derive/outages.h"

#define TIME_MS_MAX INT64_C(32503680000000)   /* the year 3000 */

int outages_show(struct api_call *call, struct txn *txn, const struct line *line, const struct stretch *period,
		 json_t **ret_outages, struct availability *ret_availability, struct err *err)
{
	const struct collector_config *config = call->api->options.config;
	struct outage_history history;

	if (outages_read_history(txn, config, line, period->from_ms, &history, err) < 0)
		return -1;
	*ret_availability = outage_availability(&history, period->from_ms, period->to_ms);
	*ret_outages = json_pack("{s:o, s:n, s:o}", "items", outages_to_json(&history, period), "cursor", "availability",
				 availability_to_json(&config->outages, ret_availability, period));
	outage_history_free(&history);
	return 0;
}

/* What is not asked for is the last period: 30 days, or since the line was first watched. */
int outages_read(struct api_call *call, struct txn *txn, struct err *err)
{
	struct availability ignored;
	struct stretch last, period;
	struct line line;

	if (line_get(txn, call->match.parameters[0], &line, err) < 0 ||
	    outages_last_period(txn, call->api->options.config, &line, call->now.realtime_ms, &last, err) < 0 ||
	    query_integer(call, "to_ms", 0, TIME_MS_MAX, last.to_ms, &period.to_ms, err) < 0 ||
	    query_integer(call, "from_ms", 0, TIME_MS_MAX, last.from_ms, &period.from_ms, err) < 0)
		return -1;
	if (period.from_ms > period.to_ms)
		return input_fault(call, err, "from_ms", "must not be later than to_ms");
	return outages_show(call, txn, &line, &period, &call->answer, &ignored, err);
}
