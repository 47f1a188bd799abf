import type { ConfigurationInForce } from '../base/configuration';

/** The configurations in force from the applied index on: a snapshot has the one of its own index, not the newest. */
export class ConfigurationHistory {
  private configurations: ConfigurationInForce[];

  constructor(first: ConfigurationInForce) {
    this.configurations = [first];
  }

  add(configuration: ConfigurationInForce): void {
    this.configurations.push(configuration);
  }

  restartWith(configuration: ConfigurationInForce): void {
    this.configurations = [configuration];
  }

  applied(index: number): void {
    while (this.configurations.length > 1 && this.configurations[1]!.index <= index) this.configurations.shift();
  }

  at(index: number): ConfigurationInForce {
    return this.configurations.findLast((configuration) => configuration.index <= index) ?? this.configurations[0]!;
  }
}
