#!/bin/sh
# A member that ends by itself.
exit 3
