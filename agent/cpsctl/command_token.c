/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

int command_token(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {
        {"--kind", "kind", OPTION_TEXT, NULL},
        {"--provider", "provider", OPTION_TEXT, NULL},
        {"--min-ttl", "min_ttl_s", OPTION_NUMBER, NULL},
        {"--epoch", "epoch", OPTION_NUMBER, NULL},
        {0},
    };
    json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *token = NULL;
    const char *text;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_call(ctl, "token.get", params, CPSCTL_CONSENT_TIMEOUT_MS, &token);
    if (status != EXIT_DONE)
        return status;
    text = json_get_string(token, "token");
    if (ctl->json)
        text_json(token);
    else
        puts(text != NULL ? text : ""); /* of any length */
    return EXIT_DONE;
}
