/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pkcs11/cardop_ops.h"
#include "pkcs11/module_card.h"

cps_error cardop_use_module(struct cardop *cardop, const json_t *module, struct fail *fail)
{
    struct module_config config = {.path = json_get_string(module, "path"),
                                   .writes = json_get_string(module, "writes"),
                                   .token = json_get_string(module, "token")};

    if (config.path == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "module");
    return module_card_open(&config, cardop->reader, cardop->transport, &cardop->card, fail);
}

bool cardop_uses_module(const struct cardop *cardop)
{
    return cardop->card != NULL && strcmp(cardop->card->driver->name, "module") == 0;
}
