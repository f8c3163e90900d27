"""The subcommands of `featurecast evaluate`: arguments in, tables and figures out."""
