/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/last_answers.h"

#include <unistd.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/log.h"
#include "base/packet.h"
#include "base/util.h"

void last_answers_log(int channel, const char *program)
{
    AUTO_JSON json_t *packet = NULL;
    AUTO_CLOSE int passed = -1;

    while (packet_recv(channel, &packet, &passed) == 1) {
        const json_t *error = json_get_object(packet, "error");
        struct fail fail;
        char text[512];

        if (error != NULL) {
            fail_from_json(&fail, error);
            fail_describe(&fail, text, sizeof text);
            log_warning("%s: %s", program, text);
        }
        json_decref(TAKE_PTR(packet));
        if (passed >= 0)
            close(TAKE_FD(passed));
    }
}
