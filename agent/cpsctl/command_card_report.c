/* SPDX-License-Identifier: Apache-2.0 */
/* "card report": asks the person at the keyboard, then prints what the card says of its kind. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cpsctl/command_card.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

#define REPORT_TIMEOUT_MS 65000

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_get_string(object, key);

    return text != NULL ? text : "-";
}

static void explain(void)
{
    text_line(stderr, "%s",
              _("Le rapport dit comment la carte répond : ATR, structure des fichiers, règles "
                "d'accès, durées."));
    text_line(stderr, "%s",
              _("Il ne contient ni code, ni nom, ni identifiant, ni numéro de carte, ni "
                "certificat."));
    text_line(stderr, "%s",
              _("La carte est réinitialisée : le code porteur sera redemandé. Rien n'est envoyé."));
}

/* A plain yes, from a terminal; no answer is no. */
static bool is_agreed(void)
{
    char line[16] = "";

    fputs(_("Établir le rapport ? [o/N] "), stderr);
    if (fgets(line, sizeof line, stdin) == NULL)
        return false;
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, "o") == 0 || strcmp(line, "oui") == 0 || strcmp(line, "y") == 0 ||
           strcmp(line, "yes") == 0;
}

static void print_lines(const json_t *object, const char *key, const char *indent)
{
    const json_t *line;
    size_t i;

    json_array_foreach (json_get_array(object, key), i, line)
        text_line(stdout, "%s%s", indent, json_string_value(line));
}

static void print_files(const json_t *report)
{
    const json_t *file;
    size_t i;

    json_array_foreach (json_get_array(report, "files"), i, file) {
        int64_t length = json_get_int(file, "length", json_get_int(file, "announces", -1));

        if (length >= 0)
            text_line(stdout, _("%s %s : %s, %lld octets"), text_of(file, "name"),
                      text_of(file, "path"), text_of(file, "sw"), (long long)length);
        else
            text_line(stdout, _("%s %s : %s"), text_of(file, "name"), text_of(file, "path"),
                      text_of(file, "sw"));
        print_lines(file, "control", "    FCP ");
        print_lines(file, "content", "    ");
    }
}

static void print_rules(const json_t *report)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (json_get_array(report, "objects"), i, entry) {
        text_line(stdout, "SDO %s %s %lld : %s", text_of(entry, "directory"),
                  text_of(entry, "name"), (long long)json_get_int(entry, "reference", 0),
                  text_of(entry, "sw"));
        print_lines(entry, "content", "    ");
    }
    json_array_foreach (json_get_array(report, "codes"), i, entry)
        text_line(stdout, "VERIFY %02llX, %lld-%lld : %s",
                  (unsigned long long)json_get_int(entry, "reference", 0),
                  (long long)json_get_int(entry, "min", 0),
                  (long long)json_get_int(entry, "max", 0), text_of(entry, "sw"));
}

static void print_commands(const json_t *report)
{
    const json_t *apdus = json_get_array(report, "apdus");
    int64_t total = 0;
    const json_t *apdu;
    size_t i;

    json_array_foreach (apdus, i, apdu) {
        int64_t us = json_get_int(apdu, "us", 0);

        total += us;
        text_line(stdout, _("%s : %s, %lld octets, %.1f ms"), text_of(apdu, "command"),
                  text_of(apdu, "sw"), (long long)json_get_int(apdu, "length", 0),
                  (double)us / 1000);
    }
    text_line(stdout, _("%zu commandes, %.0f ms"), json_array_size(apdus), (double)total / 1000);
    if (json_get_bool(report, "cut", false))
        text_line(stdout, "%s", _("La carte en dit plus qu'un rapport ne peut contenir."));
}

static void print_report(const json_t *report)
{
    text_line(stdout, _("Lecteur : %s"), text_of(report, "reader_model"));
    text_line(stdout, "ATR : %s, %s", text_of(report, "atr"), text_of(report, "protocol"));
    print_files(report);
    print_rules(report);
    print_commands(report);
}

int command_card_report(struct cpsctl *ctl, json_t *params, bool agreed)
{
    AUTO_JSON json_t *owned = params;
    AUTO_JSON json_t *report = NULL;
    int status;

    if (!agreed) {
        explain();
        if (isatty(STDIN_FILENO) == 0) {
            text_line(stderr, "%s", _("cpsctl: sans terminal, --yes vaut accord"));
            return EXIT_USAGE;
        }
        if (!is_agreed())
            return EXIT_CANCELLED;
    }
    status = cpsctl_call(ctl, "card.report", TAKE_PTR(owned), REPORT_TIMEOUT_MS, &report);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(report);
    else
        print_report(report);
    text_line(stderr, "%s",
              _("Relisez ce rapport ; vous pouvez l'envoyer aux mainteneurs de cps-agent, à qui il "
                "apprend comment répondent les vraies cartes."));
    return EXIT_DONE;
}
