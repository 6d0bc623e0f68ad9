/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl-audit: checks an evidence log, copies it out, or counts what hospitals declare. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/evidence_check.h"
#include "agent/cpsctl/evidence_read.h"
#include "agent/cpsctl/evidence_show.h"
#include "agent/cpsctl/evidence_stats.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

static const struct option_row rows[] = {
    {"--directory", "directory", OPTION_TEXT, NULL},
    {"--jwks", "jwks", OPTION_TEXT, NULL},
    {"--written", "written", OPTION_NUMBER, NULL},
    {"--from", "from", OPTION_TEXT, NULL},
    {"--to", "to", OPTION_TEXT, NULL},
    {"--json", "json", OPTION_TRUE, NULL},
    {0},
};

static int explain_errno(const char *what)
{
    text_line(stderr, "cpsctl: %s: %s", what, strerror(errno));
    return EXIT_FAILED;
}

static const char *explain(const char *name)
{
    static const char *const texts[][2] = {
        {"unreadable", N_("ligne illisible")},
        {"order", N_("des lignes manquent ou ont changé de place")},
        {"chain", N_("la ligne d'avant a été modifiée")},
        {"signature", N_("signature fausse")},
        {"beginning", N_("le début du journal manque")},
        {"end", N_("la fin du journal manque")},
        {"rollback", N_("des lignes écrites avant celle-ci avaient disparu")},
        {"unsigned", N_("aucune signature du poste ne couvre ce journal")},
        {"empty", N_("le journal est vide")},
        {"torn", N_("ligne interrompue (coupure de courant ?)")},
        {"lost", N_("l'agent n'a pas pu garder des événements")},
        {"damage", N_("l'agent a trouvé le journal abîmé")},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i][0], name) == 0)
            return _(texts[i][1]);
    return name;
}

static void show_findings(const json_t *list, const char *kind)
{
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *what = json_get_string(item, kind);
        const char *file = json_get_string(item, "file");

        text_line(stderr, _("%s ligne %lld (n° %lld) : %s"), file != NULL ? file : "-",
                  (long long)json_get_int(item, "line", 0), (long long)json_get_int(item, "seq", 0),
                  explain(what != NULL ? what : ""));
    }
}

static int audit_verify(const json_t *options, const char *directory)
{
    const char *path = json_get_string(options, "jwks");
    AUTO_JSON json_t *jwks =
        path != NULL ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;
    AUTO_JSON json_t *report = NULL;
    bool valid;

    if (json_get_array(jwks, "keys") == NULL) {
        text_line(stderr, "%s", _("cpsctl: il faut les clés du poste : --jwks FICHIER"));
        return EXIT_USAGE;
    }
    report = evidence_check(directory, jwks, json_get_int(options, "written", 0));
    if (report == NULL)
        return explain_errno(directory);
    valid = json_get_bool(report, "valid", false);
    if (json_get_bool(options, "json", false)) {
        text_json(report);
        return valid ? EXIT_DONE : EXIT_NOT_VALID;
    }
    show_findings(json_get_array(report, "notes"), "note");
    show_findings(json_get_array(report, "problems"), "problem");
    text_line(stdout, _("Lignes %lld à %lld ; signées par le poste jusqu'à la ligne %lld"),
              (long long)json_get_int(report, "first", 0),
              (long long)json_get_int(report, "last", 0),
              (long long)json_get_int(report, "signed", 0));
    text_line(stdout, "%s", valid ? _("Journal intact.") : _("Ce journal a été altéré."));
    return valid ? EXIT_DONE : EXIT_NOT_VALID;
}

static bool print_line(void *user, const struct evidence_line *line)
{
    const json_t *options = user;
    AUTO_JSON json_t *object = json_parse_strict(line->text, line->len);

    if (evidence_in_period(json_get_string(object, "at"), json_get_string(options, "from"),
                           json_get_string(options, "to")))
        (void)puts(line->text);
    return !ferror(stdout);
}

/* The lines as they are: whoever gets them can check chain and signatures. */
static int audit_export(json_t *options, const char *directory)
{
    int n = evidence_read(directory, print_line, options);

    if (n < 0) {
        errno = -n;
        return explain_errno(directory);
    }
    if (fflush(stdout) != 0)
        return explain_errno("stdout");
    return EXIT_DONE;
}

static int audit_show(const json_t *options, const char *directory)
{
    int n =
        evidence_show(directory, json_get_string(options, "from"), json_get_string(options, "to"));

    if (n >= 0)
        return EXIT_DONE;
    errno = -n;
    return explain_errno(directory);
}

static void show_counts(const json_t *counts, const char *(*in_words)(const char *name))
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)counts, name, value)
        text_line(stdout, "%6lld × %s", (long long)json_integer_value(value), in_words(name));
}

static double percent(const json_t *logins, const char *name)
{
    return 100.0 * json_real_value(json_object_get(logins, name));
}

static int audit_stats(const json_t *options, const char *directory)
{
    AUTO_JSON json_t *stats =
        evidence_stats(directory, json_get_string(options, "from"), json_get_string(options, "to"));
    const json_t *logins = json_get_object(stats, "logins");
    const json_t *durations = json_get_object(logins, "duration_ms");

    if (stats == NULL)
        return explain_errno(directory);
    if (json_get_bool(options, "json", false)) {
        text_json(stats);
        return EXIT_DONE;
    }
    text_line(stdout, _("Connexions : %lld, dont réussies %lld"),
              (long long)json_get_int(logins, "total", 0),
              (long long)json_get_int(logins, "ok", 0));
    show_counts(json_get_object(logins, "by_method"), evidence_method_text);
    text_line(stdout,
              _("  à deux facteurs : %lld (%.0f %%) ; par Pro Santé Connect : %lld (%.0f %%)"),
              (long long)json_get_int(logins, "strong", 0), percent(logins, "strong_share"),
              (long long)json_get_int(logins, "psc", 0), percent(logins, "psc_share"));
    if (durations != NULL)
        text_line(stdout, _("  durée : %lld ms (médiane), %lld ms (95 %%)"),
                  (long long)json_get_int(durations, "median", 0),
                  (long long)json_get_int(durations, "p95", 0));
    if (json_object_size(json_get_object(logins, "refused")) > 0)
        text_line(stdout, "%s", _("  refusées :"));
    show_counts(json_get_object(logins, "refused"), evidence_result_text);
    text_line(stdout, _("Attestations : %lld ; jetons : %lld"),
              (long long)json_get_int(stats, "statements", 0),
              (long long)json_get_int(stats, "tokens", 0));
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    const char *verb = NULL;
    AUTO_JSON json_t *options = NULL;
    const char *directory;

    text_init();
    options = options_read_word(rows, argc - 1, argv + 1, &verb);
    if (options == NULL)
        return EXIT_USAGE;
    directory = json_get_string(options, "directory");
    if (verb == NULL || directory == NULL) {
        text_line(stderr, "%s", _("Usage : cpsctl audit verify|show|export|stats [--directory D]"));
        return EXIT_USAGE;
    }
    if (strcmp(verb, "verify") == 0)
        return audit_verify(options, directory);
    if (strcmp(verb, "export") == 0)
        return audit_export(options, directory);
    if (strcmp(verb, "show") == 0)
        return audit_show(options, directory);
    if (strcmp(verb, "stats") == 0)
        return audit_stats(options, directory);
    text_line(stderr, _("cpsctl: commande inconnue %s"), verb);
    return EXIT_USAGE;
}
