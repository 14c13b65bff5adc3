// Holds objects against the published schemas of Kubernetes and of the Prometheus operator.
//
// Standard input is a JSON array of objects. Every complaint is a line on standard output, the number of its object first.
// What the schemas do not say, that a field is unknown, the compiler finds with the types of the same packages.
import { readFileSync } from 'node:fs';
import * as core from 'kubernetes-models/v1';
import * as apps from 'kubernetes-models/apps/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as monitoring from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

const versions = {
  v1: core,
  'apps/v1': apps,
  'networking.k8s.io/v1': networking,
  'monitoring.coreos.com/v1': monitoring,
};

JSON.parse(readFileSync(0, 'utf8')).forEach((object, number) => {
  const Model = versions[object.apiVersion]?.[object.kind];
  if (!Model) {
    console.log(`${number}: nobody knows ${object.kind} of ${object.apiVersion}`);
    return;
  }
  try {
    new Model(object).validate();
  } catch (error) {
    console.log(`${number}: ${error.message.replaceAll('\n', '; ')}`);
  }
});
