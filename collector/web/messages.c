#include "collector/web/messages.h"

#include <stdlib.h>
#include <string.h>

const struct message messages[] = {
	{ "action.accepted", "accepted", "принята" },
	{ "action.closed", "closed", "закрыта" },
	{ "action.fixed", "reported as repaired", "объявлена устранённой" },
	{ "action.note", "note", "заметка" },
	{ "action.opened", "opened", "открыта" },
	{ "action.proven", "proven by measurements", "подтверждена измерениями" },
	{ "action.reopened", "re-opened", "открыта повторно" },
	{ "action.returned", "returned to the fixer", "возвращена исполнителю" },
	{ "action.revised", "its history changed", "история уточнена" },
	{ "action.withdrawn", "withdrawn", "отозвана" },
	{ "client.about", "About the client", "О клиенте" },
	{ "client.contact", "Contact", "Контактное лицо" },
	{ "client.email", "E-mail", "Эл. почта" },
	{ "client.id", "Number", "Номер" },
	{ "client.key", "Key client", "Ключевой" },
	{ "client.key-client", "key client", "ключевой клиент" },
	{ "client.key-yes", "yes", "да" },
	{ "client.lines", "Lines", "Линии" },
	{ "client.manager", "Manager", "Менеджер" },
	{ "client.name", "Client", "Клиент" },
	{ "client.no-lines", "This client has no lines.", "У клиента нет линий." },
	{ "client.nothing", "No client matches.", "Подходящих клиентов нет." },
	{ "client.phone", "Telephone", "Телефон" },
	{ "client.quality", "Quality", "Качество" },
	{ "client.tier", "Tier", "Категория" },
	{ "custody.title", "Who held it", "Кто держал заявку" },
	{ "defect.altered", "Content altered", "Содержимое искажено" },
	{ "defect.no-contact", "No contact", "Нет связи" },
	{ "defect.slow-hub", "Slow from the hub", "Медленно от узла обмена" },
	{ "defect.slow-local", "Slow in our network", "Медленно в нашей сети" },
	{ "defect.unreliable", "Unreliable", "Ненадёжна" },
	{ "evidence.below", "Below the threshold", "Ниже порога" },
	{ "evidence.contended", "Of these with the client's own traffic", "Из них при трафике самого клиента" },
	{ "evidence.median", "Median", "Медиана" },
	{ "evidence.minimum", "Lowest", "Наименьшая" },
	{ "evidence.of", "of", "из" },
	{ "evidence.other-leg", "The other leg meanwhile", "Другое направление в то же время" },
	{ "evidence.p10", "10th percentile", "10-й процентиль" },
	{ "evidence.p5", "5th percentile", "5-й процентиль" },
	{ "evidence.threshold", "Threshold", "Порог" },
	{ "evidence.title", "Evidence", "Доказательства" },
	{ "evidence.within", "spanning", "на протяжении" },
	{ "filter.any", "any", "все" },
	{ "filter.more", "More", "Ещё" },
	{ "filter.submit", "Show", "Показать" },
	{ "filter.text", "Part of a name", "Часть названия" },
	{ "history.day", "24 hours", "24 часа" },
	{ "history.earlier", "Earlier", "Раньше" },
	{ "history.later", "Later", "Позже" },
	{ "history.month", "30 days", "30 дней" },
	{ "history.period", "Period", "Период" },
	{ "history.week", "7 days", "7 дней" },
	{ "judgement.bad", "bad", "плохо" },
	{ "judgement.failed", "failed", "не удалось" },
	{ "judgement.good", "good", "хорошо" },
	{ "judgement.invalid", "invalid", "негодно" },
	{ "judgement.marginal", "marginal", "на грани" },
	{ "judgement.skipped", "skipped", "пропущено" },
	{ "judgement.unresolved", "unresolved", "не определено" },
	{ "leg.hub", "From the hub", "От узла обмена" },
	{ "leg.local", "In our network", "В нашей сети" },
	{ "line.agent", "Agent", "Агент" },
	{ "line.history", "History of this line", "История линии" },
	{ "line.latest", "Last measurement", "Последнее измерение" },
	{ "line.line", "Line", "Линия" },
	{ "line.no-agent", "none: unmeasured", "нет: не измеряется" },
	{ "line.no-measurements", "No measurements yet.", "Измерений пока нет." },
	{ "line.no-plan", "none", "нет" },
	{ "line.node", "Node", "Узел" },
	{ "line.nothing-promised", "nothing", "ничего" },
	{ "line.plan", "Service plan", "Тариф" },
	{ "line.promised", "Promised", "Обещано" },
	{ "login.failed", "Name or password is wrong.", "Неверное имя или пароль." },
	{ "login.password", "Password", "Пароль" },
	{ "login.submit", "Log in", "Войти" },
	{ "login.user", "Name", "Имя" },
	{ "measurement.judgement", "Judgement", "Оценка" },
	{ "measurement.leg", "Leg", "Направление" },
	{ "measurement.reason", "Reason", "Причина" },
	{ "measurement.table", "Measurements", "Измерения" },
	{ "measurement.threshold", "Threshold", "Порог" },
	{ "measurement.throughput", "Throughput", "Скорость" },
	{ "measurement.time", "Time", "Время" },
	{ "month.01", "Jan", "янв" },
	{ "month.02", "Feb", "фев" },
	{ "month.03", "Mar", "мар" },
	{ "month.04", "Apr", "апр" },
	{ "month.05", "May", "мая" },
	{ "month.06", "Jun", "июн" },
	{ "month.07", "Jul", "июл" },
	{ "month.08", "Aug", "авг" },
	{ "month.09", "Sep", "сен" },
	{ "month.10", "Oct", "окт" },
	{ "month.11", "Nov", "ноя" },
	{ "month.12", "Dec", "дек" },
	{ "move.accept", "Accept", "Принять" },
	{ "move.cause", "Cause", "Причина" },
	{ "move.close", "Close", "Закрыть" },
	{ "move.close-unproven",
	  "Measurements have not proven the repair: the ticket will be marked as closed without proof, and opens again if the defect comes back.",
	  "Измерения ещё не подтвердили ремонт: заявка будет помечена как закрытая без подтверждения и откроется снова, если неисправность вернётся." },
	{ "move.done", "What was done", "Что сделано" },
	{ "move.expense", "At whose expense", "За чей счёт" },
	{ "move.fixed", "Report as repaired", "Сообщить об устранении" },
	{ "move.fixed-help",
	  "A repair is a claim; measurements prove it.",
	  "Ремонт пока только заявлен; подтвердят его измерения." },
	{ "move.note", "Note", "Заметка" },
	{ "move.note-add", "Add a note", "Добавить заметку" },
	{ "move.title", "What you can do", "Что можно сделать" },
	{ "nav.label", "Main", "Главное меню" },
	{ "nav.log-out", "Log out", "Выйти" },
	{ "nav.skip", "Skip to the content", "К содержанию" },
	{ "nav.start", "To the start page", "На главную" },
	{ "nav.times", "Times are those of", "Время указано для пояса" },
	{ "order.ordered", "Ordered", "Заказано" },
	{ "order.place", "Probe now", "Измерить сейчас" },
	{ "picture.legend", "Marks in the picture", "Обозначения на графике" },
	{ "picture.none", "No figures in this period", "За это время данных нет" },
	{ "picture.threshold", "threshold", "порог" },
	{ "picture.title", "Throughput", "Скорость" },
	{ "problem.400", "This cannot be understood", "Запрос непонятен" },
	{ "problem.401", "Please log in", "Нужно войти" },
	{ "problem.403", "This is not for you to do", "На это нет прав" },
	{ "problem.404", "There is no such page", "Такой страницы нет" },
	{ "problem.409", "Its state does not allow this", "Состояние этого не допускает" },
	{ "problem.413", "This is too much at once", "Слишком большой запрос" },
	{ "problem.500", "Something went wrong here", "Что-то пошло не так" },
	{ "problem.503", "Please try again later", "Попробуйте позже" },
	{ "problem.other", "This did not work", "Не получилось" },
	{ "quality.bad", "bad", "плохо" },
	{ "quality.coverage", "Coverage", "Охват наблюдением" },
	{ "quality.good", "good", "хорошо" },
	{ "quality.now", "Quality now", "Качество сейчас" },
	{ "quality.reliability", "Reliable", "Надёжность" },
	{ "quality.unmeasured", "unmeasured", "не измерено" },
	{ "reason.aborted", "stopped by the agent", "остановлено агентом" },
	{ "reason.altered", "the content was altered", "содержимое искажено" },
	{ "reason.budget", "this month's data volume is used", "месячный объём данных исчерпан" },
	{ "reason.busy", "the line was in use", "линия была занята" },
	{ "reason.cache", "a cache answered", "ответил кэш" },
	{ "reason.clock", "the agent's clock was wrong", "часы агента шли неверно" },
	{ "reason.connect", "no connection", "нет соединения" },
	{ "reason.contended",
	  "slow even with the client's own traffic added",
	  "медленно даже с учётом трафика клиента" },
	{ "reason.dns", "the name was not found", "имя не найдено" },
	{ "reason.encoded", "re-encoded on the way", "перекодировано по дороге" },
	{ "reason.env", "the measuring machine was too slow", "измеряющая машина слишком медленна" },
	{ "reason.file-too-small", "the file is too small for this threshold", "файл слишком мал для такого порога" },
	{ "reason.http-status", "the server refused", "сервер отказал" },
	{ "reason.in-use", "the client is using the line", "линия занята клиентом" },
	{ "reason.line-carried-it",
	  "the line carried it with the client's own traffic",
	  "линия пропустила это вместе с трафиком клиента" },
	{ "reason.lower-bound", "at least this much", "не меньше этого" },
	{ "reason.maintenance", "planned work", "плановые работы" },
	{ "reason.no-agent", "no agent on the line", "на линии нет агента" },
	{ "reason.no-answer", "no answer", "нет ответа" },
	{ "reason.no-line", "there is no line", "линии нет" },
	{ "reason.no-plan", "no service plan", "нет тарифа" },
	{ "reason.no-threshold", "nothing is promised", "ничего не обещано" },
	{ "reason.nonce", "the answer was not for this request", "ответ не на этот запрос" },
	{ "reason.none", "as promised", "как обещано" },
	{ "reason.outages-not-judged", "outages are not judged yet", "перерывы связи пока не оцениваются" },
	{ "reason.server", "our server could not measure", "наш сервер не мог измерить" },
	{ "reason.server-busy", "our server was busy", "наш сервер был занят" },
	{ "reason.short-transfer", "too short to tell", "слишком коротко для оценки" },
	{ "reason.silent", "the agent is silent", "агент молчит" },
	{ "reason.slow-hub", "slow from the hub", "медленно от узла обмена" },
	{ "reason.slow-local", "slow in our network", "медленно в нашей сети" },
	{ "reason.slow-start", "still speeding up", "скорость ещё росла" },
	{ "reason.stalled", "stalled", "остановилось" },
	{ "reason.tls", "no secure connection", "нет защищённого соединения" },
	{ "reason.too-few", "too few measurements", "слишком мало измерений" },
	{ "reason.too-short", "not long enough at full load", "слишком мало времени под полной нагрузкой" },
	{ "reason.truncated", "cut short", "оборвалось" },
	{ "reason.undecided", "too many doubtful measurements", "слишком много сомнительных измерений" },
	{ "reason.unreliable", "unreliable", "ненадёжна" },
	{ "reason.window-limited", "bounded by the receive window", "ограничено окном приёма" },
	{ "role.admin", "administrator", "администратор" },
	{ "role.director", "director", "директор" },
	{ "role.manager", "manager", "менеджер" },
	{ "role.tech", "technician", "техник" },
	{ "role.viewer", "viewer", "наблюдатель" },
	{ "state.accepted", "accepted", "принята" },
	{ "state.answered", "answered", "выполнено" },
	{ "state.closed", "closed", "закрыта" },
	{ "state.expired", "the agent did not answer", "агент не ответил" },
	{ "state.fixed", "awaiting proof", "ждёт подтверждения" },
	{ "state.open", "open", "открыта" },
	{ "state.placed", "waiting for the agent", "ждёт агента" },
	{ "state.proven", "proven", "подтверждена" },
	{ "state.returned", "returned", "возвращена" },
	{ "state.unclosed", "not closed", "незакрытые" },
	{ "state.withdrawn", "withdrawn", "отозвана" },
	{ "ticket.client", "Client", "Клиент" },
	{ "ticket.client-id", "Client's number", "Номер клиента" },
	{ "ticket.closed", "Closed", "Закрыта" },
	{ "ticket.defect", "Defect", "Неисправность" },
	{ "ticket.fixed", "Reported as repaired", "Объявлена устранённой" },
	{ "ticket.held-by", "held by", "держит" },
	{ "ticket.holder", "Holder", "Держит" },
	{ "ticket.leg", "Leg", "Направление" },
	{ "ticket.none", "No tickets.", "Заявок нет." },
	{ "ticket.number", "Number", "Номер" },
	{ "ticket.opened", "Opened", "Открыта" },
	{ "ticket.proven", "Proven", "Подтверждена" },
	{ "ticket.reopened", "Times re-opened", "Открывалась повторно, раз" },
	{ "ticket.since", "Defect since", "Неисправность с" },
	{ "ticket.state", "State", "Состояние" },
	{ "ticket.unverified", "without proof", "без подтверждения" },
	{ "title.clients", "Clients", "Клиенты" },
	{ "title.history", "History of line", "История линии" },
	{ "title.login", "Log in", "Вход" },
	{ "title.tickets", "Tickets", "Заявки" },
	{ "unit.b", "B", "Б" },
	{ "unit.bps", "bit/s", "бит/с" },
	{ "unit.d", "d", "д" },
	{ "unit.gb", "GB", "ГБ" },
	{ "unit.gbps", "Gbit/s", "Гбит/с" },
	{ "unit.h", "h", "ч" },
	{ "unit.kb", "kB", "кБ" },
	{ "unit.kbps", "kbit/s", "кбит/с" },
	{ "unit.mb", "MB", "МБ" },
	{ "unit.mbps", "Mbit/s", "Мбит/с" },
	{ "unit.min", "min", "мин" },
	{ "unit.ms", "ms", "мс" },
	{ "unit.s", "s", "с" },
	{ "unit.us", "µs", "мкс" },
	{ "unknown", "unknown", "неизвестно" },
	{ NULL, NULL, NULL },
};

#define MESSAGE_COUNT (sizeof messages / sizeof messages[0] - 1)

static const char *text_of(const struct message *message, const char *language)
{
	return strcmp(language, "ru") ? message->en : message->ru;
}

static int compare_key(const void *key, const void *message)
{
	return strcmp(key, ((const struct message *)message)->key);
}

const char *message_text(const char *language, const char *key)
{
	const struct message *message = bsearch(key, messages, MESSAGE_COUNT, sizeof messages[0], compare_key);

	return message ? text_of(message, language) : NULL;
}

/* The object that holds the last part of the key; *ret_last is that part. */
static json_t *find_parent(json_t *object, const char *key, const char **ret_last)
{
	const char *dot;

	while ((dot = strchr(key, '.'))) {
		json_t *child = json_object_getn(object, key, (size_t)(dot - key));

		if (!child) {
			child = json_object();
			json_object_setn_new(object, key, (size_t)(dot - key), child);
		}
		object = child;
		key = dot + 1;
	}
	*ret_last = key;
	return object;
}

json_t *messages_json(const char *language)
{
	json_t *all = json_object();

	for (size_t i = 0; i < MESSAGE_COUNT; i++) {
		const char *last;
		json_t *parent = find_parent(all, messages[i].key, &last);

		json_object_set_new(parent, last, json_string(text_of(&messages[i], language)));
	}
	return all;
}
