/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl: the command line of cps-agent. Options common to all commands, and the command table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"

static const struct command commands[] = {
    {"status", command_status, "", N_("état des lecteurs, de la carte et de la session")},
    {"card", command_card,
     "[--reader R] [--certificate authentication|signature|technical] | report [--reader R] "
     "[--yes]",
     N_("cartes présentes, certificat (PEM), rapport sur une vraie carte")},
    {"login", command_login,
     "[--card | --ecps ID | --browser | --proxy ID] [--reader R] [--provider P] [--channel "
     "MOBILE|CARD] [--fresh] [--no-prompt]",
     N_("ouvrir la session du professionnel")},
    {"pin", command_pin, "change|unblock|status [--reader R]",
     N_("changer ou débloquer le code porteur de la carte")},
    {"policy", command_policy,
     N_("[list] | check PROGRAMME [--audience A] [--origin O] [--unit U] [--app A] | revoke "
        "NUMÉRO|--program P|--all"),
     N_("ce que chaque programme peut demander, et les réponses retenues")},
    {"practice", command_practice, N_("[NUMÉRO | --forget] [--epoch E]"),
     N_("situations d'exercice : les voir, choisir, oublier le choix")},
    {"statement", command_statement, "--audience A --nonce N [--counter-sign] [--epoch E]",
     N_("attestation de connexion signée")},
    {"keys", command_keys, "", N_("clés publiques du poste, pour qui vérifie ses attestations")},
    {"token", command_token,
     "[--kind access|id] [--provider P] [--min-ttl S] [--epoch E] | exchange API [--min-ttl S] | "
     "introspect [--offline]",
     N_("jeton Pro Santé Connect de la session, l'échanger contre celui d'une API, le vérifier")},
    {"watch", command_watch, "[reader|card|session|desktop|health…]",
     N_("suivre les événements jusqu'à Ctrl-C")},
    {"lock", command_lock, "[--epoch E]",
     N_("verrouiller la session : seul son titulaire la rouvre")},
    {"unlock", command_unlock, "[--card | --ecps ID | --browser | --proxy ID] [--epoch E]",
     N_("déverrouiller sa session (mêmes options que login)")},
    {"step-up", command_step_up, "[--max-age S] [--card | --ecps ID | --browser | --proxy ID]",
     N_("prouver à nouveau son identité, si la dernière preuve a plus de S secondes")},
    {"logout", command_logout, "[--epoch E]", N_("fermer la session")},
    {"audit", command_audit,
     N_("verify|show|export|stats [--from T] [--to T] [--directory D] [--jwks FICHIER]"),
     N_("journal de preuve : vérifier, lire, copier, compter")},
    {"verify", command_verify,
     N_("[FICHIER] [--jwks FICHIER] [--audience A] [--nonce N] [--alg ES256|RS256] [--typ T] "
        "[--leeway S]"),
     N_("vérifier une attestation ou un JWS")},
    {"provider", command_provider, "[list | check [P]]",
     N_("fournisseurs d'identité ; vérifier que l'un d'eux répond et suit son profil")},
    {"trust", command_trust,
     N_("import FICHIER|URL|--official | list | remove | block | unblock | blocked | refresh"),
     N_("autorités de carte, liste de blocage, listes de révocation")},
    {NULL, NULL, NULL, NULL},
};

static void print_help(FILE *stream)
{
    fprintf(stream, _("Usage : cpsctl [--json] [--socket CHEMIN] [--timeout S] COMMANDE\n\n"));
    for (const struct command *c = commands; c->name != NULL; c++)
        fprintf(stream, "  %s%s%s\n      %s\n", c->name, c->usage[0] != '\0' ? " " : "",
                c->usage[0] != '\0' ? _(c->usage) : "", _(c->summary));
    fprintf(stream, _("\nVoir cpsctl(1) pour les codes de retour.\n"));
}

/* One line: the whole help would push it off the screen. */
static int usage_error(const char *message, const char *word)
{
    text_line(stderr, "cpsctl: %s %s", message, word);
    text_line(stderr, "%s", _("→ Voir cpsctl --help."));
    return EXIT_USAGE;
}

static int print_usage(const struct command *command)
{
    text_line(stdout, _("Usage : cpsctl %s %s"), command->name, _(command->usage));
    text_line(stdout, "  %s", _(command->summary));
    return EXIT_DONE;
}

static const struct command *find_command(const char *name)
{
    for (const struct command *c = commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

/* "--timeout" in seconds; 0 when it is not a number in range. */
static int timeout_ms(const char *text)
{
    char *end = NULL;
    long seconds = strtol(text, &end, 10);

    if (end == text || *end != '\0' || seconds < 1 || seconds > CPS_AGENT_TIMEOUT_MAX_MS / 1000)
        return 0;
    return (int)seconds * 1000;
}

/* The value of that option at argv[*i], "" when it is missing; NULL: another argument. */
static const char *value_of(const char *option, char **argv, int *i)
{
    size_t len = strlen(option);

    if (strncmp(argv[*i], option, len) != 0)
        return NULL;
    if (argv[*i][len] == '=')
        return argv[*i] + len + 1;
    if (argv[*i][len] != '\0')
        return NULL;
    return argv[*i + 1] != NULL ? argv[++*i] : "";
}

/*
 * Takes the common options, wherever they stand, out of the arguments. Returns how many are left,
 * or -1 when the value of one is missing or wrong, which *ret_option then is.
 */
static int take_common(struct cpsctl *ctl, int argc, char **argv, bool *ret_help,
                       const char **ret_option)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        const char *value;

        if (strcmp(argv[i], "--json") == 0) {
            ctl->json = true;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *ret_help = true;
        } else if ((value = value_of("--socket", argv, &i)) != NULL) {
            *ret_option = "--socket";
            ctl->socket = value;
            if (value[0] == '\0')
                return -1;
        } else if ((value = value_of("--timeout", argv, &i)) != NULL) {
            *ret_option = "--timeout";
            ctl->timeout_ms = timeout_ms(value);
            if (ctl->timeout_ms == 0)
                return -1;
        } else {
            argv[left++] = argv[i];
        }
    }
    argv[left] = NULL;
    return left;
}

int main(int argc, char **argv)
{
    struct cpsctl ctl = {0};
    const struct command *command;
    const char *wrong = NULL;
    bool help = false;
    int status;

    text_init();
    argc = take_common(&ctl, argc, argv, &help, &wrong);
    if (argc < 0)
        return usage_error(_("valeur absente ou incorrecte pour"), wrong);
    if (argc < 2 || strcmp(argv[1], "help") == 0) {
        help = help || argc > 1;
        print_help(help ? stdout : stderr);
        return help ? text_finish(EXIT_DONE) : EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("cpsctl " CPS_VERSION);
        return EXIT_DONE;
    }
    command = find_command(argv[1]);
    if (command == NULL)
        return usage_error(_("commande inconnue"), argv[1]);
    if (help)
        return text_finish(print_usage(command));
    status = command->run(&ctl, argc - 2, argv + 2);
    cps_agent_free(ctl.agent);
    return text_finish(status);
}
