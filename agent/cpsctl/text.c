/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/text.h"

#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cpsctl/cpsctl.h"
#include "base/clock.h"

#define LINE_TEXT_MAX 8192

/* The first of the usual variables that is set. */
static const char *wanted_language(void)
{
    static const char *const variables[] = {"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"};

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);

        if (value != NULL && value[0] != '\0')
            return value;
    }
    return "";
}

static void bind_catalogues(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

    for (int i = 0; i < 2 && len > 0; i++) /* the program, then its directory */
        while (len > 0 && path[--len] != '/')
            ;
    if (len <= 0)
        return;
    snprintf(path + len, sizeof path - (size_t)len, "/share/locale");
    bindtextdomain("cps-agent", path);
    bind_textdomain_codeset("cps-agent", "UTF-8");
    textdomain("cps-agent");
}

/* Language and characters, all that is used of a locale: its ten other files take time to open. */
static bool take_locale(const char *name)
{
    return setlocale(LC_CTYPE, name) != NULL && setlocale(LC_MESSAGES, name) != NULL;
}

/*
 * A locale that the system does not have, and the C locale, would switch translation off: the
 * language asked for is then told to gettext directly.
 */
void text_init(void)
{
    const char *messages = take_locale("") ? setlocale(LC_MESSAGES, NULL) : "C";

    if (strcmp(messages, "C") == 0 || strcmp(messages, "POSIX") == 0) {
        bool english = strncmp(wanted_language(), "en", 2) == 0;

        take_locale("C.UTF-8");
        setenv("LANGUAGE", english ? "en" : "fr", 1);
    }
    bind_catalogues();
}

bool text_is_english(void)
{
    /* Translators: the code of your language. */
    return strcmp(_("fr"), "en") == 0;
}

/* C0 and C1 control characters: a terminal obeys both, the latter in two bytes of UTF-8. */
static void blunt(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
            c[0] = c[1] = '?';
    }
}

void text_line(FILE *stream, const char *format, ...)
{
    char text[LINE_TEXT_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    blunt(text);
    fprintf(stream, "%s\n", text);
}

void text_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
    fflush(stdout);
}

int text_finish(int status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    text_line(stderr, "%s", _("cpsctl: la sortie n'a pas pu être écrite"));
    text_line(stderr, "%s", _("→ Vérifier la place libre, puis recommencer."));
    return status == EXIT_DONE ? EXIT_FAILED : status;
}

const char *text_word(const struct text_word *words, const char *word)
{
    for (; word != NULL && words->word != NULL; words++)
        if (strcmp(words->word, word) == 0)
            return _(words->text);
    return word;
}

const char *text_error(const char *name)
{
    cps_error error = name != NULL ? cps_error_from_name(name) : CPS_OK;
    const cps_error_text *text = cps_error_get_text(error);

    if (name == NULL || strcmp(name, "ok") == 0)
        return NULL;
    if (strcmp(cps_error_name(error), name) != 0)
        return name;
    return text_is_english() ? text->message_en : text->message_fr;
}

void text_advise(cps_error error)
{
    const cps_error_text *text = cps_error_get_text(error);

    text_line(stdout, "  %s", text_is_english() ? text->message_en : text->message_fr);
    text_line(stdout, "  → %s", text_is_english() ? text->advice_en : text->advice_fr);
}

const char *text_date(int64_t seconds, char buffer[TEXT_TIME_LEN])
{
    time_t when = (time_t)seconds;
    struct tm then;

    localtime_r(&when, &then);
    strftime(buffer, TEXT_TIME_LEN, "%Y-%m-%d", &then);
    return buffer;
}

const char *text_time(int64_t seconds, char buffer[TEXT_TIME_LEN])
{
    time_t when = (time_t)seconds;
    time_t now = (time_t)clock_real_s();
    struct tm then, today;

    localtime_r(&when, &then);
    localtime_r(&now, &today);
    if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday)
        strftime(buffer, TEXT_TIME_LEN, "%H:%M:%S", &then);
    else
        strftime(buffer, TEXT_TIME_LEN, "%Y-%m-%d %H:%M", &then);
    return buffer;
}
