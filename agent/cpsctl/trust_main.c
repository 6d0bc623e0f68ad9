/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl-trust: card authorities and block list of this machine, for its administrator. */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "agent/cpsctl/trust_cmd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

static const struct option_row rows[] = {
    {"--official", "official", OPTION_TRUE, NULL},
    {"--approve", "approve", OPTION_TEXT, NULL},
    {"--name", "name", OPTION_TEXT, NULL},
    {"--test", "test", OPTION_TRUE, NULL},
    {"--proxy", "proxy", OPTION_TEXT, NULL},
    {"--note", "note", OPTION_TEXT, NULL},
    {"--card", "card", OPTION_TEXT, NULL},
    {"--certificate", "certificate", OPTION_TEXT, NULL},
    {"--person", "person", OPTION_TEXT, NULL},
    {"--config", "config", OPTION_TEXT, NULL},
    {"--libexec", "libexec", OPTION_TEXT, NULL},
    {"--timeout", "timeout", OPTION_NUMBER, NULL},
    {"--json", "json", OPTION_TRUE, NULL},
    {0},
};

#define ALWAYS "config libexec timeout json "

/* What each command takes beside ALWAYS. */
static const struct {
    const char *name;
    int (*run)(const struct trust_cmd *cmd);
    const char *options;
    bool takes_word;
    const char *usage;
} commands[] = {
    {"import", trust_import, "official approve name test proxy ", true,
     N_("import FICHIER|URL|--official [--approve EMPREINTE --name NOM] [--test] [--proxy URL]")},
    {"list", trust_list, "", false, N_("list")},
    {"remove", trust_remove, "test ", true, N_("remove EMPREINTE [--test]")},
    {"block", trust_block, "card certificate person note ", false,
     N_("block --card N|--certificate N|--person ID [--note TEXTE]")},
    {"unblock", trust_unblock, "card certificate person ", false,
     N_("unblock --card N|--certificate N|--person ID")},
    {"blocked", trust_blocked, "", false, N_("blocked")},
};

static int usage(void)
{
    fprintf(stderr, _("Usage : cpsctl trust COMMANDE [--config RÉPERTOIRE]\n"));
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(stderr, "  %s\n", _(commands[i].usage));
    fputs("  refresh\n", stderr); /* cpsctl asks the agent itself */
    return EXIT_USAGE;
}

/* The texts of the agent speak of its own directory, and of its log. */
static cps_error_text words_of(cps_error error)
{
    cps_error_text text = *cps_error_get_text(error);

    if (error == CPS_STORAGE) {
        text.message_fr = text.message_en =
            _("Le répertoire de configuration ne peut pas être écrit.");
        text.advice_fr = text.advice_en = _("Recommencer en tant que root.");
    } else if (error == CPS_CONFIGURATION) {
        text.message_fr = text.message_en = _("Un fichier n'a pas la forme attendue.");
        text.advice_fr = text.advice_en = _("Corriger ou remplacer le fichier nommé ci-dessous.");
    }
    return text;
}

int trust_explain(const struct trust_cmd *cmd, const struct fail *fail)
{
    const cps_error_text text = words_of(fail->code);

    if (cmd->json) {
        AUTO_JSON json_t *error = fail_to_json(fail);
        AUTO_JSON json_t *object = json_pack("{s:O}", "error", error);

        json_object_set_new(error, "name", json_string(cps_error_name(fail->code)));
        json_object_del(error, "code");
        text_json(object);
    }
    fprintf(stderr, "cpsctl: %s\n", text_is_english() ? text.message_en : text.message_fr);
    fprintf(stderr, "→ %s\n", text_is_english() ? text.advice_en : text.advice_fr);
    for (unsigned i = 0; i < fail->n_causes; i++)
        text_line(stderr, _("  (pour le support : %s)"), fail->causes[i]);
    return EXIT_FAILED;
}

char *trust_path(const char *directory, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", directory, name) < 0)
        abort(); /* nothing has been done yet */
    return path;
}

char *trust_directory(const struct trust_cmd *cmd, bool test)
{
    return test ? trust_path(cmd->store, STORE_TEST) : strdup(cmd->store);
}

/* False: an option that this command has no use for. */
static bool options_fit(const char *known, const json_t *options)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)options, name, value) {
        char word[32];

        snprintf(word, sizeof word, "%s ", name);
        if (strstr(known, word) == NULL && strstr(ALWAYS, word) == NULL) {
            text_line(stderr, _("cpsctl: option inconnue %s"), name);
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    AUTO_JSON json_t *options = NULL;
    struct trust_cmd cmd = {0};
    AUTO_FREE char *store = NULL;
    const char *config;

    text_init();
    log_init("cpsctl", LOG_LEVEL_WARNING);
    umask(022);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        options = options_read_word(rows, argc - 2, argv + 2, &cmd.word);
        if (options == NULL || !options_fit(commands[i].options, options) ||
            (cmd.word != NULL && !commands[i].takes_word))
            return usage();
        config = json_get_string(options, "config");
        cmd.json = json_get_bool(options, "json", false);
        cmd.config = config != NULL ? config : CPS_CONFIGDIR;
        cmd.libexec = json_get_string(options, "libexec");
        cmd.libexec = cmd.libexec != NULL ? cmd.libexec : CPS_LIBEXECDIR;
        cmd.options = options;
        store = trust_path(cmd.config, "trust");
        cmd.store = store;
        return text_finish(commands[i].run(&cmd));
    }
    return usage();
}
