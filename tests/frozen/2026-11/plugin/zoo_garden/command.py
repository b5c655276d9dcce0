import click


@click.command()
@click.option("--upper", is_flag=True, help="In capitals.")
def command(upper):
    """List the plants."""
    from zoo_garden.parts import PLANTS

    for plant in PLANTS:
        click.echo(plant.upper() if upper else plant)
