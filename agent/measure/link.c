#include "agent/measure/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/json.h"

static bool has(const char *sys, const char *interface, const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s/%s", sys, interface, name);
	return *interface && access(path, F_OK) == 0;
}

int64_t link_speed_bps(const char *sys, const char *interface)
{
	char path[256], text[32] = "";
	FILE *file;
	long mbps;

	snprintf(path, sizeof path, "%s/%s/speed", sys, interface);
	if (!has(sys, interface, "device") || !(file = fopen(path, "re")))
		return JSON_ABSENT;
	mbps = fgets(text, sizeof text, file) ? strtol(text, NULL, 10) : 0;   /* -1 while there is no carrier */
	fclose(file);
	return mbps > 0 ? mbps * INT64_C(1000000) : JSON_ABSENT;
}

bool link_is_wireless(const char *sys, const char *interface)
{
	return has(sys, interface, "wireless") || has(sys, interface, "phy80211");
}
