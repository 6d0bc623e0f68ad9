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
#include "agent/cpsctl/words.h"
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

static const struct text_word findings[] = {
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
    {0},
};

static void show_findings(const json_t *list, const char *kind)
{
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        const char *what = json_get_string(item, kind);
        const char *file = json_get_string(item, "file");

        text_line(stderr, _("%s ligne %lld (n° %lld) : %s"), file != NULL ? file : "-",
                  (long long)json_get_int(item, "line", 0), (long long)json_get_int(item, "seq", 0),
                  text_word(findings, what != NULL ? what : "-"));
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

static void show_counts(const json_t *counts, bool errors)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)counts, name, value)
        text_line(stdout, "%6lld × %s", (long long)json_integer_value(value),
                  errors ? text_error(name) : text_word(words_methods, name));
}

static double percent(const json_t *proofs, const char *name)
{
    return 100.0 * json_real_value(json_object_get(proofs, name));
}

/* How many there were, how strong, how long they took, and why others were refused. */
static void show_proofs(const json_t *proofs, const char *title)
{
    const json_t *durations = json_get_object(proofs, "duration_ms");

    text_line(stdout, _("%s : %lld ; réussites : %lld"), title,
              (long long)json_get_int(proofs, "total", 0),
              (long long)json_get_int(proofs, "ok", 0));
    if (json_get_int(proofs, "total", 0) == 0)
        return;
    show_counts(json_get_object(proofs, "by_method"), false);
    text_line(stdout,
              _("  à deux facteurs : %lld (%.0f %%) ; par Pro Santé Connect : %lld (%.0f %%)"),
              (long long)json_get_int(proofs, "strong", 0), percent(proofs, "strong_share"),
              (long long)json_get_int(proofs, "psc", 0), percent(proofs, "psc_share"));
    if (durations != NULL)
        text_line(stdout, _("  durée : %lld ms (médiane), %lld ms (95e centile)"),
                  (long long)json_get_int(durations, "median", 0),
                  (long long)json_get_int(durations, "p95", 0));
    if (json_object_size(json_get_object(proofs, "refused")) > 0)
        text_line(stdout, "%s", _("  refus :"));
    show_counts(json_get_object(proofs, "refused"), true);
}

static int audit_stats(const json_t *options, const char *directory)
{
    AUTO_JSON json_t *stats =
        evidence_stats(directory, json_get_string(options, "from"), json_get_string(options, "to"));

    if (stats == NULL)
        return explain_errno(directory);
    if (json_get_bool(options, "json", false)) {
        text_json(stats);
        return EXIT_DONE;
    }
    show_proofs(json_get_object(stats, "logins"), _("Connexions"));
    show_proofs(json_get_object(stats, "unlocks"), _("Déverrouillages"));
    show_proofs(json_get_object(stats, "step_ups"), _("Nouvelles preuves d'identité"));
    text_line(stdout, _("Attestations : %lld ; jetons : %lld"),
              (long long)json_get_int(stats, "statements", 0),
              (long long)json_get_int(stats, "tokens", 0));
    return EXIT_DONE;
}

/* The beginning of a time, a year at least: times are compared as texts. */
static bool is_period(const char *text)
{
    return text == NULL ||
           (strspn(text, "0123456789") >= 4 && text[strspn(text, "0123456789-:.TZ")] == '\0');
}

static int run(json_t *options, const char *verb)
{
    const char *directory = json_get_string(options, "directory");

    if (!is_period(json_get_string(options, "from")) ||
        !is_period(json_get_string(options, "to"))) {
        text_line(stderr, "%s", _("cpsctl: --from et --to : comme 2026-11 ou 2026-11-22T08:00"));
        return EXIT_USAGE;
    }
    if (verb == NULL || directory == NULL) {
        text_line(stderr, "%s", _("cpsctl: il faut verify, show, export ou stats"));
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

int main(int argc, char **argv)
{
    const char *verb = NULL;
    AUTO_JSON json_t *options = NULL;

    text_init();
    options = options_read_word(rows, argc - 1, argv + 1, &verb);
    return options != NULL ? text_finish(run(options, verb)) : EXIT_USAGE;
}
